"""The columns of one battery's table while a batch is sifted: which a record may use, add or widen. No Django here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from datahub.ingest.columns import FLOAT
from datahub.ingest.protocol import BAD_COLUMN_NAME, SAME_COLUMN_TWICE, TOO_MANY_COLUMNS, RecordRefused

TEST_TIME = "test_time"

# The service's own columns. In a record they are passed over: rows that were downloaded may be sent back as they are,
# and when a row was received is for the server to say.
OWN_COLUMNS = ("row_id", "row_digest", "row_late", "received")


class Place(NamedTuple):
    """Where a column of a record goes: its name in the table, and its kind there (None: not there yet)."""

    source: int
    name: str
    kind: str | None


@dataclass
class Layout:
    """`kinds` is the table's map, changed in place; `added` and `widened` say what must be done to the table.

    `may_widen(name)` tells whether the integers stored in a column so far are all exact as floats.
    """

    kinds: dict[str, str]
    is_column_name: Callable[[object], bool]
    may_widen: Callable[[str], bool]
    most_columns: int
    added: dict[str, str] = field(default_factory=dict)
    widened: set[str] = field(default_factory=set)
    _folded: dict[str, str] = field(default_factory=dict)
    _places: dict[tuple[Any, ...], list[Place]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # SQLite does not tell `Voltage` from `voltage`, PostgreSQL does: so they are one column on both, as it was
        # first spelled.
        self._folded = {name.lower(): name for name in self.kinds}

    def places(self, names: tuple[Any, ...]) -> list[Place]:
        """Where each column of a record with these keys goes; raises RecordRefused for keys that cannot be columns."""
        known = self._places.get(names)
        if known is None:
            known = self._places[names] = self._find_places(names)
        return known

    def _find_places(self, names: Sequence[Any]) -> list[Place]:
        places: list[Place] = []
        seen: dict[str, str] = {}
        for source, name in enumerate(names):
            if not self.is_column_name(name):
                raise RecordRefused(
                    BAD_COLUMN_NAME,
                    f"{shortened(name)} cannot name a column: 1 to 63 ASCII letters, digits and underscores can.",
                )
            folded = name.lower()
            if folded in seen:
                raise RecordRefused(
                    SAME_COLUMN_TWICE, f"{seen[folded]!r} and {name!r} are one column: case makes no difference."
                )
            seen[folded] = name
            if folded in OWN_COLUMNS:
                continue
            if folded == TEST_TIME:
                places.append(Place(source, TEST_TIME, FLOAT if TEST_TIME in self.kinds else None))
            else:
                found = self._folded.get(folded, name)
                places.append(Place(source, found, self.kinds.get(found)))
        return places

    def change(self, added: dict[str, str], widened: Sequence[str]) -> None:
        """Takes over what an accepted record needs."""
        for name, kind in added.items():
            self.kinds[name] = self.added[name] = kind
            self._folded[name.lower()] = name
        for name in widened:
            self.kinds[name] = FLOAT
            if name in self.added:
                self.added[name] = FLOAT
            else:
                self.widened.add(name)
        self._places.clear()

    def check_room_for(self, count: int) -> None:
        if len(self.kinds) + count > self.most_columns:
            raise RecordRefused(
                TOO_MANY_COLUMNS,
                f"This record brings {count} new columns; there are {len(self.kinds)} of at most {self.most_columns}.",
            )


def shortened(name: object) -> str:
    shown = repr(name)
    return shown if len(shown) <= 80 else shown[:77] + "…"
