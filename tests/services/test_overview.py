"""What an operator may want to know, without a patient in it."""

from datetime import timedelta

import pytest

from raykeep.domain.access import Action, Role
from raykeep.domain.audit_event import Outcome
from raykeep.domain.errors import AccessDenied, StudyNotFound
from raykeep.domain.facility import FacilityName
from raykeep.policy.builtin import BUILTIN_RULES
from raykeep.services.overview import (
    archive_status,
    ca_bundle,
    database_status,
    explain,
    key_status,
    show_policy,
    tls_status,
)
from raykeep.services.tenants import add_facility
from raykeep.services.tokens import TokenWish, create_token
from tests.builders import ct_instance
from tests.fakes.archive import FACILITY, OPERATOR
from tests.fakes.pki import pki
from tests.services.stored import actor, store

READER = actor(Role.RADIOLOGIST)
OTHER = FacilityName("other")


def last(archive):
    return archive.records()[-1]


def test_the_status_counts_what_is_there_and_what_is_good(archive):
    store(archive, ct_instance())
    archive.enroll("CT01")
    archive.enroll("CT02")
    archive.revoke("CT02")
    wish = TokenWish("viewer", Role.RADIOLOGIST, frozenset({FACILITY}), timedelta(days=1))
    create_token(archive.enforcer, OPERATOR, wish, archive.clock)

    status = archive_status(archive.enforcer, OPERATOR)

    assert (status.totals["studies"], status.totals["instances"]) == (1, 1)
    assert (status.devices, status.tokens, status.facilities) == (1, 1, 1)
    assert (status.jobs_waiting, status.sealed_records) == (0, 0)
    assert status.unsealed_records == len(archive.records()) - 1
    assert last(archive).action is Action.ARCHIVE_READ


def test_the_status_of_the_keys_tells_how_many_but_none(archive):
    store(archive, ct_instance())
    store(archive, ct_instance())

    status = key_status(archive.enforcer, OPERATOR)

    assert status.provider == "file"
    assert [(k.facility, k.version, k.is_current) for k in status.facility_keys] == [
        ("main", 1, True)
    ]
    assert status.study_keys == {"main": {1: 2}}
    assert (last(archive).action, last(archive).count) == (Action.KEY_READ, 1)


def test_a_decision_is_explained_in_general_and_for_a_study_where_it_lies(shared):
    add_facility(shared.enforcer, OPERATOR, OTHER, "", shared.clock)
    built = ct_instance()
    store(shared, built)
    elsewhere = actor(Role.TECHNOLOGIST, facility=OTHER)
    store(shared, built, who=elsewhere, facility=OTHER)

    def asked(study):
        return explain(shared.enforcer, OPERATOR, READER, Action.STUDY_READ, study)

    (general,) = asked(None)
    both = asked(built.study_instance_uid)

    assert (general.permitted, general.facility) == (True, "")
    assert {(one.facility, one.permitted) for one in both} == {("main", True), ("other", False)}
    assert last(shared).details == {"subject": "somebody", "asked": "study:read"}
    assert last(shared).count == 2


def test_of_a_study_that_is_nowhere_nothing_is_explained(shared):
    with pytest.raises(StudyNotFound, match=r"no study '1\.2\.3'"):
        explain(shared.enforcer, OPERATOR, READER, Action.STUDY_READ, "1.2.3")

    assert last(shared).outcome is Outcome.FAILED


def test_certificates_are_told_of_by_name(shared):
    certificates = [("ca", pki().root_pem), ("server-p256", pki().servers[1].chain_pem)]

    found = dict(tls_status(shared.enforcer, OPERATOR, certificates))

    assert list(found) == ["ca", "server-p256"]
    assert found["server-p256"].key == "secp256r1"
    assert (last(shared).action, last(shared).count) == (Action.TLS_READ, 2)


def test_the_bundle_that_peers_must_trust_is_given_out(shared):
    assert ca_bundle(shared.enforcer, OPERATOR) == pki().root_pem
    assert last(shared).details == {"asked": "bundle"}


def test_the_database_tells_its_engine_and_its_totals(shared):
    status = database_status(shared.enforcer, OPERATOR, lambda: {"engine": "sqlcipher"})

    assert status == {"engine": "sqlcipher", "totals": shared.stores.index.totals()}
    assert last(shared).action is Action.DATABASE_READ


def test_the_rules_in_force_are_shown(shared):
    assert show_policy(shared.enforcer, OPERATOR) == BUILTIN_RULES
    assert last(shared).count == len(BUILTIN_RULES.rules)


@pytest.mark.parametrize(
    "ask",
    [
        archive_status,
        key_status,
        lambda door, who: explain(door, who, READER, Action.STUDY_READ, None),
        lambda door, who: tls_status(door, who, []),
        ca_bundle,
        lambda door, who: database_status(door, who, dict),
        show_policy,
    ],
)
def test_who_reads_images_is_told_nothing_of_the_archive_itself(shared, ask):
    with pytest.raises(AccessDenied):
        ask(shared.enforcer, READER)

    assert last(shared).outcome is Outcome.DENIED
