"""From the archive's words to JSON's, the same in all commands."""

from datetime import datetime, timedelta

WARN = timedelta(days=14)  # what ends sooner is told apart


def time_text(when: datetime | None) -> str | None:
    """ISO 8601 with an offset."""
    return when.isoformat() if when else None


def state_of(revoked_at: datetime | None, ends_at: datetime | None, now: datetime) -> str:
    """How a credential stands: `revoked`, `expired`, `expiring` or `good`."""
    if revoked_at is not None:
        return "revoked"
    if ends_at is None:
        return "good"
    if ends_at <= now:
        return "expired"
    return "expiring" if ends_at - now < WARN else "good"
