"""Entity tags: what a caller has read, in a few characters.

A record's tag is `"<what people may change>.<all of it>"`. `If-None-Match` compares all of it; `If-Match` compares the
first part alone, for the counters of a battery that receives rows change all the time and nobody overwrites them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer

BYTES = 8
CLOCK_ALONE = {"state": ("age", "sentence")}  # what time alone changes, in the maps of these names


def tag_of(data: Any, changeable: list[str] | None = None) -> str:
    """Of an answer's data; of a record where `changeable` names the fields that people may change."""
    whole = _digest(_without_clock(data))
    if changeable is None:
        return f'"{whole}"'
    return f'"{_digest({name: data[name] for name in changeable if name in data})}.{whole}"'


def is_met(if_match: str, now: str) -> bool:
    """Whether one of the tags in `If-Match` is of a record that people have not changed since."""
    return any(
        told.strip() == "*" or _part_of_people(told) == _part_of_people(now) != "" for told in if_match.split(",")
    )


def _part_of_people(tag: str) -> str:
    part, dot, _whole = tag.strip().removeprefix("W/").strip('"').partition(".")
    return part if dot else ""


def _without_clock(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {
            name: (
                {key: part for key, part in value.items() if key not in CLOCK_ALONE[name]}
                if name in CLOCK_ALONE and isinstance(value, Mapping)
                else _without_clock(value)
            )
            for name, value in data.items()
        }
    return [_without_clock(value) for value in data] if isinstance(data, list) else data


def _digest(data: Any) -> str:
    return hashlib.blake2b(JSONRenderer().render(data), digest_size=BYTES).hexdigest()
