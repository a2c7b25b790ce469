"""Which rows are stepped abreast, when every battery has its own number of waiting rows."""

import numpy as np

from energykit.ukf.rows import Places


class Schedule:
    """The k-th waiting row of every battery that has so many; batteries in columns, the longest queue first.

    So the batteries of a turn are always the first so many columns, and nothing is padded.
    """

    def __init__(self, battery: Places) -> None:
        """`battery` says of each waiting row whose it is; batteries rise, and the rows of each are in order."""
        self.slot: slice | Places  # of each waiting row, turn after turn
        if len(battery) and (battery[1:] != battery[:-1]).all():  # one row each, as in a live fleet: nothing to sort
            self.batteries, self.slot, self.queues = battery, slice(None), np.ones_like(battery)
            self.abreast, self.offsets = np.array([len(battery)]), np.array([0, len(battery)])
            self._in_order = bool(battery[0] == 0 and battery[-1] == len(battery) - 1)  # they rise
            return
        starts = np.concatenate(([0], np.flatnonzero(np.diff(battery)) + 1)) if len(battery) else np.empty(0, np.intp)
        queues = np.diff(np.concatenate((starts, [len(battery)])))
        longest_first = np.argsort(-queues, kind="stable")
        self.batteries = battery[starts[longest_first]]
        self.queues = queues[longest_first]
        turns = int(self.queues[0]) if len(queues) else 0
        self.abreast = np.searchsorted(-self.queues, -np.arange(turns), side="left")
        self.offsets = np.concatenate(([0], np.cumsum(self.abreast)))
        column = np.empty(len(queues), dtype=np.intp)
        column[longest_first] = np.arange(len(queues))
        if len(queues) == 1:  # a battery alone, as in a replay
            self._in_order, self.slot = bool(self.batteries[0] == 0), slice(None)
            return
        turn = np.arange(len(battery)) - np.repeat(starts, queues)
        self._in_order = np.array_equal(self.batteries, np.arange(len(self.batteries)))
        self.slot = self.offsets[turn] + np.repeat(column, queues)

    def width(self, turn: int, first: int, most: int) -> int:
        """How many batteries have a row in this turn, of so many at most from the first column on."""
        return max(min(int(self.abreast[turn]) - first, most), 0) if turn < len(self.abreast) else 0

    def family_columns(self, first: int, end: int) -> slice | Places:
        """Where the batteries of these columns stand in their family; a slice where it can be, which copies nothing."""
        return slice(first, end) if self._in_order else self.batteries[first:end]
