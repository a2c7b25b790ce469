"""Whatever people, devices and scripts wrote, a spreadsheet that opens our CSV finds no formula in it."""

import csv
import io

import numpy as np
import pytest

from datahub.exports import CSV, exported
from datahub.exports.csv import harmless
from datahub.ingest.storing import store_records
from datahub.queries import battery_named
from datahub.windows import Window
from prognosis.fleet_table import _cell
from prognosis.queries import as_csv

FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1", '=HYPERLINK("http://a.example","x")', "＝1+1", "-",
]  # fmt: skip
NO_FORMULAS = ["hold", "", " =1", "'=1", "-0.5", "+1", "-1e-3", "1+1", ".5", "-.5"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_is_a_formula_is_told_to_be_text(text):
    assert harmless(text) == f"'{text}"
    assert _cell(text) == f"'{text}"


@pytest.mark.parametrize("text", [*NO_FORMULAS, None, -0.5, -1, True])
def test_what_is_no_formula_stays_as_it_is(text):
    assert harmless(text) is text


@pytest.mark.django_db
@pytest.mark.postgres
def test_rows_are_exported_without_formulas_and_with_all_their_numbers():
    texts = [*FORMULAS, *NO_FORMULAS[2:]]
    numbers = [-0.5 * place for place in range(len(texts))]
    store_records("cell", [
        {"test_time": float(place), "note": text, "voltage": number}
        for place, (text, number) in enumerate(zip(texts, numbers, strict=True))
    ])  # fmt: skip
    text = b"".join(exported(battery_named("cell"), Window(), CSV)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [float(row["voltage"]) for row in rows] == numbers
    assert [row["note"] for row in rows] == [harmless(text) for text in texts]


def test_a_forecast_s_columns_are_named_by_its_script():
    text = as_csv({"=1+1": np.array([-1.0, np.nan]), "soc": np.array([0.5, 0.25])})
    assert list(csv.reader(io.StringIO(text))) == [["'=1+1", "soc"], ["-1.0", "0.5"], ["", "0.25"]]
