"""Numbers as people read them: unit and spread decide the digits, a thin space groups thousands, unknown is a dash."""

from __future__ import annotations

import math

UNKNOWN = "—"
THIN_SPACE = "\u202f"
MINUS = "\u2212"


def number(value: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """`value` with so many decimals.

    >>> number(-1234.5678, 2).replace(THIN_SPACE, " "), number(None), number(3.2, 1, signed=True)
    ('−1 234.57', '—', '+3.2')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    text = f"{abs(value):,.{digits}f}".replace(",", THIN_SPACE)
    is_zero = not any(character in "123456789" for character in text)
    if is_zero or value == 0:
        return text
    if value < 0:
        return MINUS + text
    return "+" + text if signed else text


def count(value: int | None) -> str:
    """
    >>> count(110705).replace(THIN_SPACE, " ")
    '110 705'
    """
    return UNKNOWN if value is None else f"{value:,}".replace(",", THIN_SPACE)


def digits_for(spread: float | None, otherwise: int, most: int = 4) -> int:
    """Decimals that reach the second digit of a standard deviation.

    >>> digits_for(0.0123, 1), digits_for(12.0, 1), digits_for(None, 1)
    (3, 0, 1)
    """
    if spread is None or not math.isfinite(spread) or spread <= 0:
        return otherwise
    return min(max(1 - math.floor(math.log10(spread)), 0), most)


def digits_of_small(value: float | None, *, otherwise: int = 2, figures: int = 3, most: int = 12) -> int:
    """Decimals that show three figures of what is less than one.

    >>> digits_of_small(0.00123), digits_of_small(0.5), digits_of_small(12.3), digits_of_small(0.0)
    (5, 3, 2, 2)
    """
    if not value or not math.isfinite(value) or abs(value) >= 1:
        return otherwise
    return min(figures - 1 - math.floor(math.log10(abs(value))), most)


def duration(seconds: float | None) -> str:
    """
    >>> duration(2.2), duration(130), duration(11520), duration(86400), duration(864000), duration(7.9e7)
    ('2 s', '2 min', '3 h 12 min', '24 h', '10 d', '2.5 y')
    """
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    seconds = max(seconds, 0.0)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        minutes = round(seconds / 60)
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    if seconds < 2 * 365.25 * 86400:
        return f"{seconds / 86400:.0f} d"
    return f"{seconds / (365.25 * 86400):.1f} y"


def all_seconds(seconds: float | None) -> str:
    """
    >>> all_seconds(157869120.0).replace(THIN_SPACE, " "), all_seconds(12.34)
    ('157 869 120 s', '12.3 s')
    """
    digits = 1 if seconds is not None and seconds != round(seconds) else 0
    return UNKNOWN if seconds is None else f"{number(seconds, digits)} s"
