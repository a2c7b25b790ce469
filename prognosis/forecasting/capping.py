"""A cap on how fast a battery is charged: what it takes away is charged later, while the battery rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def capped(current: np.ndarray, seconds: np.ndarray, most: float, is_repeated: bool = True) -> np.ndarray:
    """Currents, A (+ charging), each held for its seconds, with none above `most` A.

    What exceeds it is made up for as soon as the battery charges slower or rests; while it is discharged it waits.
    Where the currents are one round of a load that is repeated, what is left at its end is made up for at the next
    beginning.

    >>> import numpy as np
    >>> capped(np.array([4.0, 0.0, 0.0, -2.0]), np.array([60.0, 60.0, 60.0, 60.0]), 2.0).tolist()
    [2.0, 2.0, 0.0, -2.0]
    >>> capped(np.array([0.0, -2.0, 4.0]), np.array([60.0, 60.0, 60.0]), 2.0).tolist()
    [2.0, -2.0, 2.0]
    >>> capped(np.array([0.0, 0.0, 4.0]), np.array([60.0, 60.0, 60.0]), 2.0, is_repeated=False).tolist()
    [0.0, 0.0, 2.0]
    """
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    owed = 0.0  # As
    slower: list[float] = []
    for _ in range(2 if is_repeated else 1):  # the second round begins with what the first one owes
        slower = []
        for wish, held in zip(current.tolist(), seconds.tolist(), strict=True):
            asked = wish if wish < 0.0 else wish + owed / held
            given = min(asked, most)
            owed = owed if wish < 0.0 else max((asked - given) * held, 0.0)
            slower.append(given)
    return np.array(slower)
