# Raykeep. `make help` lists what can be made; nothing but python3 (3.11 or newer) and make
# must be there before.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv

# Tests to run (make test T=tests/unit/wire) and how many at a time.
T ?=
JOBS ?= 2
# Least coverage, in percent, of the rooms in which a mistake costs most; that of the whole
# stands in pyproject.toml (fail_under).
MIN_COVERAGE_CORE ?= 100
CORE := domain policy enforcement vault crypto wire

empty :=
space := $(empty) $(empty)
comma := ,
CORE_FILES := $(subst $(space),$(comma),$(foreach room,$(CORE),*/raykeep/$(room).py */raykeep/$(room)/*))

.PHONY: help serve setup test check fix bench interop fuzz docs docs-check lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: .venv/.stamp-run ## set up what is missing, then run the archive
	@exec $(BIN)/raykeep serve

setup: .venv/.stamp-run ## the environment alone, in .venv, so that .venv/bin/raykeep works

test: .venv/.stamp-test ## run the tests with coverage (T=path runs some of them, without)
	@tools/system_tools.sh test
ifeq ($(strip $(T)),)
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --cov --cov-report= --cov-fail-under=0
	$(BIN)/coverage report --skip-covered
	$(BIN)/coverage report --skip-covered --include='$(CORE_FILES)' --fail-under=$(MIN_COVERAGE_CORE)
else
	$(BIN)/python -m pytest $(T)
endif

check: .venv/.stamp-check ## format, lint, types, room contracts, spelling, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/architecture

fix: .venv/.stamp-check ## format, and mend what the linter can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.stamp-run ## write the reference pages anew from the code
	$(BIN)/python tools/reference.py

docs-check: .venv/.stamp-check ## whether the documents say what the code does
	$(BIN)/codespell docs README.md SECURITY.md CONTRIBUTING.md changes
	$(BIN)/python -m pytest -q tests/architecture -k docs

bench: .venv/.stamp-test ## measure this archive and, where installed, its peers
	@tools/system_tools.sh bench
	$(BIN)/python benchmarks/run.py

interop: .venv/.stamp-test ## tests against DCMTK, pynetdicom and dicomweb-client alone
	@tools/system_tools.sh test
	$(BIN)/python -m pytest tests/interop

fuzz: .venv/.stamp-test ## every property test with 20,000 examples (hours)
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -n $(JOBS) --timeout 0 -m hypothesis tests

lock: .venv/.stamp-check ## write requirements/*.txt anew from pyproject.toml (needs uv)
	tools/lock.sh

clean: ## remove what make and the tests made (.venv too)
	rm -rf .venv .coverage .coverage.* htmlcov build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# One recipe for the three kinds: run, test (run and what tests need), check (all).
.venv/.stamp-%: requirements/%.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Raykeep needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "the venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "Preparing .venv with requirements/$*.txt (once, and again when it changes)" >&2
	@$(PIP) install -qq --require-hashes --requirement $<
	@$(PIP) install -qq --no-deps --no-build-isolation --editable .
	@touch $@
