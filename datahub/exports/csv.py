"""CSV: one header line, then a row a line. NULL is an empty cell.

Spreadsheets run a cell that begins like a formula, whoever wrote it. Such a text gets an apostrophe in front, which
they take for "this is text"; numbers stay as they are. Parquet and HDF5 hold every text as it was sent.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from datahub.exports import blocks, exported_columns
from datahub.models import Battery
from datahub.windows import Window

FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
)  # full width too, as in East Asian editions
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def harmless(cell: Any) -> Any:
    """
    >>> harmless("=1+1"), harmless("-0.5"), harmless(-0.5), harmless("- see note")
    ("'=1+1", '-0.5', -0.5, "'- see note")
    """
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def csv_pieces(battery: Battery, window: Window, labels: Mapping[str, str]) -> Iterator[bytes]:
    columns = exported_columns(battery, window)
    names = list(columns)
    texts = [place for place, kind in enumerate(columns.values()) if kind == "text"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([harmless(labels[name]) for name in names])
    for block in blocks(battery, window):
        rows = [[row[name] for name in names] for row in block]
        for row in rows if texts else ():
            for place in texts:
                row[place] = harmless(row[place])
        writer.writerows(rows)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.getvalue():
        yield text.getvalue().encode()
