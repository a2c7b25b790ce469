"""CSV: one header line, then a row a line. NULL is an empty cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from datahub.exports import blocks, exported_columns
from datahub.models import Battery
from datahub.windows import Window


def csv_pieces(battery: Battery, window: Window) -> Iterator[bytes]:
    names = list(exported_columns(battery, window))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for block in blocks(battery, window):
        writer.writerows([row[name] for name in names] for row in block)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.getvalue():
        yield text.getvalue().encode()
