"""What may be a battery's name, what a column's, and how long something may be kept."""

from __future__ import annotations

import re
from functools import lru_cache

from django.core.exceptions import ValidationError

BATTERY_NAME_LENGTH = 255
MOST_DAYS = 36_500.0
TAG_LENGTH = 40
MARK_LENGTH = 200
MOST_TAGS = 20
COLUMN_NAME = re.compile(r"[A-Za-z0-9_]{1,63}", re.ASCII)  # 63 bytes is where PostgreSQL cuts an identifier off

# Names of PostgreSQL's system columns: a table cannot have another of that name, so that no database of ours has.
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def is_column_name(name: object) -> bool:
    """ASCII letters, digits and underscores, 1 to 63 of them. PostgreSQL's system columns are taken.

    >>> [is_column_name(name) for name in ("test_time", "1C_capacity", "a b", "", 7, 'x"; DROP TABLE y')]
    [True, True, False, False, False, False]
    """
    return isinstance(name, str) and _is_column_name(name)


@lru_cache(maxsize=4096)
def _is_column_name(name: str) -> bool:
    return COLUMN_NAME.fullmatch(name) is not None and name.lower() not in SYSTEM_COLUMNS


def why_battery_name_is_refused(name: str) -> str:
    """The sentence that tells why no battery can bear this name; empty where one may."""
    if not name:
        return "A battery's name cannot be empty."
    if len(name) > BATTERY_NAME_LENGTH:
        return f"A battery's name has at most {BATTERY_NAME_LENGTH} characters; this one has {len(name)}."
    if "\0" in name:
        return "A battery's name cannot hold the NUL character."
    try:
        name.encode()
    except UnicodeEncodeError:
        return "A battery's name must be text that UTF-8 can hold."
    return ""


def check_battery_name(name: str) -> None:
    """The same as a validator of Django's fields."""
    if why := why_battery_name_is_refused(name):
        raise ValidationError(why, code="bad_battery_name")


def check_days(days: float) -> None:
    """A length of time, 0 for none; also refuses NaN, which is neither less nor more than any number."""
    if not 0.0 <= days <= MOST_DAYS:
        raise ValidationError(f"This takes a number of days from 0 to {MOST_DAYS:,.0f}.")


def why_tag_is_refused(tag: object) -> str:
    """The sentence that tells why this is no tag; empty where it is one.

    >>> why_tag_is_refused("site 3"), why_tag_is_refused("a, b")
    ('', "A tag holds no comma and no line break; 'a, b' does.")
    """
    if not isinstance(tag, str) or not tag.strip():
        return "A tag is a word or some; this one is empty."
    if len(tag) > TAG_LENGTH:
        return f"A tag has at most {TAG_LENGTH} characters; this one has {len(tag)}."
    if any(character in tag for character in ",\n\r\0"):
        return f"A tag holds no comma and no line break; {tag!r} does."
    return ""


def check_tags(tags: object) -> None:
    """A list of tags, each once."""
    if not isinstance(tags, list):
        raise ValidationError("Tags are a list of words.")
    for tag in tags:
        if why := why_tag_is_refused(tag):
            raise ValidationError(why)
    if len(tags) > MOST_TAGS or len(set(tags)) < len(tags):
        raise ValidationError(f"A battery has at most {MOST_TAGS} tags, each once.")
