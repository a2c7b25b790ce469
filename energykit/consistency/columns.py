"""What evidence consists of: named numbers, the same for every filter."""

ROWS_OF_A_WINDOW = 100
SOC_BINS = 6  # of equal width from 0 to 1

PREVIOUS = ("has_row", "time", "current", "voltage", "whitened")

# Sums over the rows of the window that is open; the record holds those of the windows before, older ones ever less.
SUMS = (
    "rows",
    "nis",  # squared innovation over its variance
    "lag",  # whitened innovation times that of the row before
    "squares",  # squared innovation, V²
    "charge_squares",  # squared charge since the row before, Ah²
    "outside",  # rows whose estimated SOC is beyond empty or full
)
BINS = {
    "charge_products": SOC_BINS,  # whitened innovation times the charge since the row before, Ah
    "bin_squares": SOC_BINS,  # squared innovation, V²
    "bin_rows": SOC_BINS,
}
# Sums that need no filter: what the rows themselves say. They are kept over the whole life.
RAW = (
    "throughput",  # charge moved in either direction, Ah
    "steps",  # changes of current in either direction, A
    "step_squares",  # A²
    "agreeing_steps",  # the same, counted down where voltage changed the other way, A
    "rise",  # change of voltage in the direction of the current, while that hardly changes, V
    "rise_squares",  # V²
)
KEPT = (
    "windows",
    "newest",  # the newest windows, a bit each, lowest the newest: above the band
    "newest_low",  # likewise: below the band
    "newest_informative",  # likewise: above the band, of windows in which charge moved
    "informative",  # how many such windows there were
    "is_marked",
    "window_nis",  # mean of the newest whole window
    "window_rows",  # its rows after those are taken off that only repeat what others say
    "first_capacity",  # Ah, 0 where it is not known
    "newest_capacity",  # Ah, at the end of the newest whole window
)


def _named(names: tuple[str, ...], prefix: str = "") -> tuple[str, ...]:
    return tuple(prefix + name for name in names)


WINDOW = SUMS + tuple(f"{name}[{place}]" for name, size in BINS.items() for place in range(size))
COLUMNS = PREVIOUS + WINDOW + _named(RAW, "open ") + _named(WINDOW, "record ") + _named(RAW, "life ") + KEPT
PLACES = {name: place for place, name in enumerate(COLUMNS)}
OPEN = slice(PLACES["rows"], PLACES["rows"] + len(WINDOW) + len(RAW))
RECORD = slice(PLACES["record rows"], PLACES["record rows"] + len(WINDOW))
LIFE = slice(PLACES["life throughput"], PLACES["life throughput"] + len(RAW))
