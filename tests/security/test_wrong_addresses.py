"""X3: a device that is bound to addresses is let in from those alone."""

from tests.running import RunningArchive
from tests.security.callers import call, calling, denial, web


def test_a_device_far_from_its_addresses_is_refused(archive: RunningArchive) -> None:
    away = archive.enroll("AWAY", "--ip", "203.0.113.0/24", "--ip", "2001:db8::/32")

    scu = call(archive, away)

    assert scu.rejection == (1, 1, 3)
    assert denial(archive, "address")["address"] == "127.0.0.1"


def test_a_device_at_its_address_is_let_in(archive: RunningArchive) -> None:
    near = archive.enroll("NEAR", "--ip", "203.0.113.0/24", "--ip", "127.0.0.0/8")

    with calling(archive, near) as scu:
        assert scu.echo().status == 0
        scu.release()


def test_a_token_far_from_its_addresses_is_refused(archive: RunningArchive) -> None:
    made = archive.ask(
        "token", "create", "--name", "away", "--role", "technologist", "--facility", "main",
        "--ip", "203.0.113.0/24",
    )  # fmt: skip

    with web(archive, made["token"]) as client:
        assert client.get("/studies").status_code == 401
