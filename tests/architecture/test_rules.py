"""The rules of `rules.py` hold in the whole source, and each catches what it is for."""

import pytest

from tests.architecture.rules import RULES, Rule, source_files

BROKEN = {
    "Only the policy makes permits, denials and scopes": (
        "from raykeep.domain.access import Permit\nPermit(request, 'rule', scope)",
        "from raykeep.domain.access import Permit as Leave\nLeave(request, 'rule', scope)",
        "from raykeep.domain import access\naccess.Scope(allowed=())",
        "import raykeep.domain.access\nraykeep.domain.access.Denial(request, 'no')",
    ),
    "Only the vault, and the index that loads its rows, make tickets of sealed objects": (
        "from raykeep.domain.blobs import SealedObject\nSealedObject(key, 'a', 1, b'', 2)",
    ),
    "No SQL is built from text": (
        "connection.execute(f'SELECT {column} FROM study')",
        "connection.execute('SELECT * FROM study WHERE uid = %s' % uid)",
        "text('SELECT * FROM study WHERE uid = ' + uid)",
        "connection.exec_driver_sql('SELECT {}'.format(column))",
        "connection.execute(text(f'DELETE FROM {table}'))",
        "cursor.executescript(';'.join(statements))",
    ),
    "Nothing catches everything and goes on, except where one failure must not end the rest": (
        "try:\n    go()\nexcept Exception:\n    pass",
        "try:\n    go()\nexcept:\n    stop()",
        "try:\n    go()\nexcept (ValueError, BaseException) as error:\n    print(error)",
        "import contextlib\nwith contextlib.suppress(Exception):\n    go()",
    ),
    "The time of day is read at the rim and handed in": (
        "from datetime import datetime, UTC\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.now()",
        "import datetime as dt\ndt.date.today()",
        "import time\ntime.time()",
        "from time import time as now\nnow()",
        "import time\nclock = time.time",
    ),
    "Durations are measured where bytes and processes move": (
        "import time\ntime.monotonic()",
        "from time import sleep\nsleep(1)",
    ),
    "Every task is kept": (
        "asyncio.create_task(work())",
        "group.create_task(work())",
        "asyncio.ensure_future(work())",
    ),
    "No relative imports": ("from . import rooms", "from ..domain import uids"),
    "Nothing runs what it reads": (
        "import pickle",
        "from marshal import loads",
        "eval(text)",
        "import os\nos.system(command)",
    ),
    "Nothing switches safety off": (
        "httpx.get(address, verify=False)",
        "context.verify_mode = ssl.CERT_NONE",
        "from ssl import CERT_NONE",
        "context.check_hostname = False",
        "subprocess.run(command, shell=True)",
    ),
    "No patient and no secret in a log": (
        "log.info('stored %s', data_set)",
        "logger.warning(f'no such {request.patient_name}')",
        "self._log.error('wrong', extra={'password': password})",
    ),
}

HARMLESS = (
    "from raykeep.domain.access import Permit\n\ndef may(permit: Permit) -> bool: ...",
    "isinstance(decision, Permit)",
    "connection.execute(select(table.c.uid).where(table.c.uid == uid))",
    "connection.execute(text('SELECT 1'), {'uid': uid})",
    "connection.execute(f'PRAGMA busy_timeout = {milliseconds}')",
    "text('SELECT 1 ' 'FROM study')",
    "try:\n    go()\nexcept OSError:\n    pass",
    "try:\n    go()\nexcept BaseException:\n    stop()\n    raise",
    "now = clock.now()",
    "task = asyncio.create_task(work())",
    "from raykeep.domain import uids",
    "context.check_hostname = True",
    "log.info('stored %s', study_instance_uid)",
)


def by_promise(rule: Rule) -> str:
    return rule.promise


@pytest.mark.parametrize("rule", RULES, ids=by_promise)
def test_the_rule_holds_in_the_whole_source(rule: Rule) -> None:
    broken = [line for place, text in source_files() for line in rule.broken_in(place, text)]

    assert broken == []


@pytest.mark.parametrize("rule", RULES, ids=by_promise)
def test_the_rule_catches_what_it_is_for(rule: Rule) -> None:
    for snippet in BROKEN[rule.promise]:
        assert rule.broken_in("services/elsewhere.py", snippet), snippet


@pytest.mark.parametrize("rule", RULES, ids=by_promise)
def test_the_rule_leaves_honest_code_alone(rule: Rule) -> None:
    for snippet in HARMLESS:
        assert rule.broken_in("services/elsewhere.py", snippet) == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.except_in], ids=by_promise)
def test_the_rule_is_off_only_in_the_rooms_it_names(rule: Rule) -> None:
    snippet = BROKEN[rule.promise][0]

    for room in rule.except_in:
        assert rule.broken_in(room, snippet) == []
        assert rule.broken_in(f"services/{room}", snippet) != []
