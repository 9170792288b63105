"""The door: no store without a permit, no permit without a record."""

import pytest

from raykeep.domain.access import Action, Actor, ActorKind, Door, Origin, Role, StudyRef
from raykeep.domain.audit_event import EventID, Outcome
from raykeep.domain.changes import AddFacility, Unit
from raykeep.domain.errors import AccessDenied, AlreadyExists, InstanceRefused, StorageUnavailable
from raykeep.domain.facility import Facility, FacilityName
from raykeep.enforcement.events import EVENT_OF, event_of
from tests.fakes.archive import FACILITY, OPERATOR, FakeArchive

OTHER = FacilityName("other")
NOBODY = Actor(ActorKind.TOKEN, "nobody", frozenset(), frozenset({FACILITY}), Origin(Door.DICOMWEB))
READER = Actor(
    ActorKind.TOKEN,
    "reader",
    frozenset({Role.RADIOLOGIST}),
    frozenset({FACILITY}),
    Origin(Door.DICOMWEB),
)


def raising(error: BaseException):
    def broken(*_: object) -> None:
        raise error

    return broken


def last(archive: FakeArchive):
    return archive.records()[-1]


def facility(archive: FakeArchive, name: str = "other") -> Facility:
    return Facility(FacilityName(name), name, archive.clock.now())


def test_what_is_permitted_is_done_and_recorded(archive):
    with archive.enforcer.operation(OPERATOR, Action.FACILITY_ADD) as op:
        op.change(AddFacility(facility(archive)))
        op.note(facility=OTHER, count=1, details={"why": "a test"})

    record = last(archive)
    assert archive.stores.registry.facility(OTHER) is not None
    assert (record.action, record.outcome) == (Action.FACILITY_ADD, Outcome.SUCCESS)
    assert (record.facility, record.count, record.details) == (OTHER, 1, {"why": "a test"})
    assert record.reason == "the host's operator runs the archive"


def test_what_is_denied_hands_out_no_store_and_is_recorded(archive):
    with pytest.raises(AccessDenied), archive.enforcer.operation(NOBODY, Action.AUDIT_READ):
        pytest.fail("the block must not run")

    record = last(archive)
    assert (record.action, record.outcome) == (Action.AUDIT_READ, Outcome.DENIED)
    assert record.event is EventID.SECURITY_ALERT
    assert record.actor == "nobody"


def test_what_fails_is_undone_and_recorded_with_its_kind(archive):
    with (
        pytest.raises(InstanceRefused),
        archive.enforcer.operation(OPERATOR, Action.FACILITY_ADD) as op,
    ):
        op.change(AddFacility(facility(archive)))
        raise InstanceRefused("1.2.3", "it is only a test")

    assert archive.stores.registry.facility(OTHER) is None
    assert last(archive).outcome is Outcome.FAILED
    assert last(archive).reason == "InstanceRefused: it is only a test"


def test_an_interruption_is_recorded_as_a_failure(archive):
    with (
        pytest.raises(KeyboardInterrupt),
        archive.enforcer.operation(OPERATOR, Action.FACILITY_ADD),
    ):
        raise KeyboardInterrupt

    assert last(archive).reason == "KeyboardInterrupt"


def test_a_change_that_does_not_fit_is_undone_and_recorded(archive):
    with (
        pytest.raises(AlreadyExists),
        archive.enforcer.operation(OPERATOR, Action.FACILITY_ADD) as op,
    ):
        op.change(AddFacility(facility(archive, FACILITY)))

    assert (last(archive).outcome, last(archive).reason) == (Outcome.FAILED, "AlreadyExists")


def test_what_cannot_be_recorded_is_not_done(archive, monkeypatch):
    def broken(unit: Unit) -> None:
        msg = "the trail cannot be written"
        raise StorageUnavailable(msg)

    with (
        pytest.raises(StorageUnavailable),
        archive.enforcer.operation(OPERATOR, Action.FACILITY_ADD) as op,
    ):
        op.change(AddFacility(facility(archive)))
        monkeypatch.setattr(archive.stores.unit_of_work, "commit", broken)

    assert archive.stores.registry.facility(OTHER) is None


def test_a_study_that_comes_to_light_is_decided_on_again(archive):
    study = StudyRef(OTHER, "1.2.3", frozenset({"CT"}), 2026)

    with (
        pytest.raises(AccessDenied),
        archive.enforcer.operation(READER, Action.STUDY_READ) as op,
    ):
        op.on(study)

    record = last(archive)
    assert record.outcome is Outcome.DENIED
    assert (record.facility, record.study_instance_uid) == (OTHER, "1.2.3")


def test_a_flood_of_strangers_leaves_one_record_a_minute_and_their_number(archive, monkeypatch):
    origin = Origin(Door.DIMSE)
    now = 1000.0
    monkeypatch.setattr(archive.clock, "monotonic", lambda: now)
    before = len(archive.records())

    for _ in range(50):
        archive.enforcer.refuse_stranger(origin, "WHO", "unknown calling AE title")
    assert len(archive.records()) == before + 1

    now += 61
    archive.enforcer.refuse_stranger(origin, "WHO", "unknown calling AE title")
    assert len(archive.records()) == before + 2
    assert last(archive).details == {"refused_before": 49}
    assert last(archive).event is EventID.USER_AUTHENTICATION
    assert last(archive).outcome is Outcome.DENIED


def test_a_second_mistake_of_the_same_stranger_is_recorded_too(archive):
    origin = Origin(Door.DIMSE)
    before = len(archive.records())

    archive.enforcer.refuse_stranger(origin, "WHO", "unknown called AE title")
    archive.enforcer.refuse_stranger(
        origin, "WHO", "the certificate is not the device's", certificate_sha256="ab" * 32
    )

    assert len(archive.records()) == before + 2
    assert last(archive).details == {"certificate_sha256": "ab" * 32}


def test_a_good_credential_is_recorded_once_an_hour(archive):
    before = len(archive.records())

    for _ in range(5):
        archive.enforcer.note_authentication(READER)

    assert len(archive.records()) == before + 1
    assert last(archive).action is Action.SESSION_CREATE


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.DENIED])
def test_an_authentication_that_could_not_be_recorded_is_recorded_the_next_time(
    archive, monkeypatch, outcome
):
    def happens() -> None:
        if outcome is Outcome.SUCCESS:
            archive.enforcer.note_authentication(READER)
        else:
            archive.enforcer.refuse_stranger(Origin(Door.DIMSE), "WHO", "unknown")

    before = len(archive.records())
    with monkeypatch.context() as broken:
        broken.setattr(archive.stores.unit_of_work, "commit", raising(StorageUnavailable("full")))
        with pytest.raises(StorageUnavailable):
            happens()

    happens()
    happens()

    assert len(archive.records()) == before + 1
    assert last(archive).outcome is outcome
    assert last(archive).details == ({"refused_before": 1} if outcome is Outcome.DENIED else {})


def test_an_operation_hands_out_the_stores_that_it_was_permitted(archive):
    stores = archive.stores
    with archive.enforcer.operation(OPERATOR, Action.ARCHIVE_READ) as op:
        assert (op.vault, op.registry, op.trail) == (stores.vault, stores.registry, stores.trail)
        assert (op.jobs, op.authority) == (stores.jobs, stores.authority)
        assert op.key_administration is stores.key_administration
        assert op.rules.rules


def test_a_denial_within_an_operation_undoes_it_and_is_recorded_as_a_denial(archive):
    with (
        pytest.raises(AccessDenied, match="not today"),
        archive.enforcer.operation(OPERATOR, Action.FACILITY_ADD) as op,
    ):
        op.change(AddFacility(facility(archive)))
        raise AccessDenied("not today")

    assert archive.stores.registry.facility(OTHER) is None
    assert (last(archive).outcome, last(archive).reason) == (Outcome.DENIED, "not today")


def test_a_study_that_comes_to_light_narrows_what_is_in_sight(archive):
    study = StudyRef(FACILITY, "1.2.3", frozenset({"CT"}), 2026)

    with archive.enforcer.operation(READER, Action.STUDY_READ) as op:
        op.on(study)
        assert op.permit.request.study == study
        assert op.permit.scope.contains(study)

    assert (last(archive).facility, last(archive).study_instance_uid) == (FACILITY, "1.2.3")


def test_notes_add_up_and_the_latest_word_counts(archive):
    with archive.enforcer.operation(OPERATOR, Action.ARCHIVE_READ) as op:
        op.note(count=1, details={"one": 1, "two": 2})
        op.note(patient="f00", details={"two": 3})
        op.note()

    record = last(archive)
    assert (record.count, record.patient, record.details) == (1, "f00", {"one": 1, "two": 3})


def test_why_somebody_may_or_may_not_is_explained_without_doing_it(archive):
    study = StudyRef(OTHER, "1.2.3", frozenset({"CT"}), 2026)
    with archive.enforcer.operation(OPERATOR, Action.POLICY_READ) as op:
        may = op.explain(READER, Action.STUDY_READ, None)
        may_not = op.explain(READER, Action.STUDY_READ, study)

    assert (may.permitted, may.reason) == (True, "rule 'radiologists read'")
    assert (may.facility, may.roles, may.obligations) == ("", ("radiologist",), ())
    assert (may_not.permitted, may_not.facility) == (False, "other")
    assert may_not.reason.startswith("no rule permits study:read")
    assert last(archive).action is Action.POLICY_READ


def test_every_action_has_its_event():
    assert set(EVENT_OF) == set(Action)
    for action in Action:
        for outcome in Outcome:
            assert isinstance(event_of(action, outcome), EventID)
