"""Points and lengths of time as clients write them. All times are whole microseconds since 1970, UTC."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 1900, 2999
LONGEST_DURATION = 31 * 86_400 * 1_000_000  # µs; a bill's month

REPEATED_ZONE = "repeated_zone"
NAIVE = "naive_datetime"

_ZONE = r"(?:[Zz]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)"
_ISO = re.compile(
    rf"(?:\d{{4}}-\d\d-\d\d|\d{{8}}(?=[Tt]))(?:[Tt ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?{_ZONE}?)?", re.ASCII
)
_DASHED = re.compile(rf"(\d{{4}}-\d\d-\d\d[Tt ]\d\d)-(\d\d)-(\d\d(?:[.,]\d+)?{_ZONE}?)", re.ASCII)
_SPACE_FOR_PLUS = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d[:-]\d\d(?:[:-]\d\d(?:[.,]\d+)?)?) (\d\d:\d\d)", re.ASCII
)  # an unescaped + of a query arrives as a space
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_DURATION = re.compile(
    rf"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.ASCII
)
_SECONDS_OF = (7 * 86_400, 86_400, 3_600, 60, 1)


class BadInstant(ValueError):
    """What was sent is no point in time; the sentence says why."""


class BadDuration(ValueError):
    """What was sent is no length of time; the sentence says why."""


@dataclass(frozen=True)
class Instant:
    """`warnings` are codes of what was taken although it is not as it should be."""

    microseconds: int
    warnings: tuple[str, ...] = ()


def read_instant(text: object, *, in_query: bool = False, zone: tzinfo = UTC) -> Instant:
    """An ISO 8601 date or time. Raises BadInstant.

    Beside that `2018-08-24T00-00-00Z` (dashes for colons) is taken, `…ZZ` as `Z` with a warning, a time without zone as
    that of `zone` with a warning, and in a query a space for the `+` of an offset.

    >>> read_instant("2018-08-24T02-00-00+02:00").microseconds == read_instant("2018-08-24T00:00:00Z").microseconds
    True
    >>> read_instant("1970-01-01T00:00:01ZZ")
    Instant(microseconds=1000000, warnings=('repeated_zone',))
    """
    if not isinstance(text, str):
        raise BadInstant("It is no text with an ISO 8601 time, such as 2018-08-24T00:00:00Z.")
    warnings = []
    written = text.strip()
    if in_query and (spaced := _SPACE_FOR_PLUS.fullmatch(written)):
        written = f"{spaced[1]}+{spaced[2]}"
    once = re.sub(r"[Zz]{2,}$", "Z", written)
    if once != written:
        warnings.append(REPEATED_ZONE)
    if dashed := _DASHED.fullmatch(once):
        once = f"{dashed[1]}:{dashed[2]}:{dashed[3]}"
    if not _ISO.fullmatch(once):
        raise BadInstant("It is no ISO 8601 time, such as 2018-08-24T00:00:00Z.")
    try:
        read = datetime.fromisoformat(once.upper())
    except ValueError as wrong:
        raise BadInstant(f"There is no such time: {wrong}.") from None
    if read.tzinfo is None:
        warnings.append(NAIVE)
        read = read.replace(tzinfo=zone)
    offset = read.utcoffset() or timedelta()
    since = read.replace(tzinfo=UTC) - EPOCH - offset
    if not _FIRST <= since < _END:
        raise BadInstant(f"It lies outside of the years {FIRST_YEAR} to {LAST_YEAR}.")
    return Instant(since // MICROSECOND, tuple(warnings))


_FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - EPOCH
_END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - EPOCH


def labelled(seconds: int, zone: tzinfo = UTC) -> str:
    """In the local time of a zone, with its offset.

    >>> labelled(900)
    '1970-01-01T00:15:00Z'
    """
    moment = EPOCH + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if zone is UTC else moment.astimezone(zone).isoformat()


def read_duration(given: object) -> int:
    """A number of seconds, or an ISO 8601 duration of weeks, days, hours, minutes and seconds, in µs.

    Raises BadDuration, also for what is not above zero and for more than 31 days.

    >>> read_duration(900), read_duration("PT15M"), read_duration("0.5")
    (900000000, 900000000, 500000)
    """
    seconds = _seconds_of(given)
    if seconds is None:
        raise BadDuration("It is no number of seconds and no ISO 8601 duration, such as PT15M.")
    microseconds = round(seconds * 1_000_000)
    if microseconds <= 0:
        raise BadDuration("It is not above zero.")
    if microseconds > LONGEST_DURATION:
        raise BadDuration("It is longer than 31 days.")
    return microseconds


def _seconds_of(given: object) -> Fraction | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return Fraction(given)
    if isinstance(given, float):
        return Fraction(given) if math.isfinite(given) else None
    if not isinstance(given, str) or len(given) > 100:
        return None
    written = given.strip()
    if re.fullmatch(_NUMBER, written, re.ASCII):
        return Fraction(written.replace(",", "."))
    parts = _DURATION.fullmatch(written.upper())
    if parts is None or not any(parts.groups()):
        return None
    return sum(
        (
            Fraction(part.replace(",", ".")) * seconds
            for part, seconds in zip(parts.groups(), _SECONDS_OF, strict=True)
            if part
        ),
        Fraction(0),
    )
