"""Dates and times as keys and as stored values (PS3.5 section 6.2, VR DA and TM)."""

import re

_DATE = re.compile(r"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")
_TIME = re.compile(
    r"([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?"
)
_LAST = ("59", "59", "999999")


def date_of(text: str) -> str | None:
    """`YYYYMMDD` of a DA value, that of ACR-NEMA (`YYYY.MM.DD`) too; None when it is neither."""
    form = _DATE.fullmatch(text)
    return None if form is None else form[1] + form[3] + form[4]


def time_bounds(text: str) -> tuple[str, str] | None:
    """The first and last moment that a TM value stands for, as `HHMMSS.FFFFFF`.

    `10` stands for the whole hour; a fraction is as exact as it is written. None when `text`
    is no time.
    """
    form = _TIME.fullmatch(text)
    if form is None:
        return None
    hour, minute, second, fraction = form.groups()
    first = f"{hour}{minute or '00'}{second or '00'}.{fraction or '':0<6}"
    last_fraction = f"{fraction:0<6}" if fraction else _LAST[2]
    return first, f"{hour}{minute or _LAST[0]}{second or _LAST[1]}.{last_fraction}"
