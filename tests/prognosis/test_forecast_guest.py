"""Which function of a script is called, and what it may return."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from prognosis.errors import ForecastFailed
from prognosis.forecasting import guest
from prognosis.forecasting.answer import checked_columns, load_and_forecast
from sandbox.scripts import Unfit


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """`in_folder(script)`: a guest's view of a folder that holds the script."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(script):
        (tmp_path / "forecaster.py").write_text(script)
        return tmp_path

    yield write
    sys.modules.pop("uploaded_script", None)


def module_of(script):
    module = ModuleType("uploaded_script")
    exec(script, vars(module))
    return module


# --- the function --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "script",
    [
        "def forecast(past, load): return 1",
        "def helper(x): pass\ndef forecast(past, load): return 1\ndef other(a, b): pass",
        "def predict(past, load): return 1",
        "def _helper(x): pass\ndef predict(past, load): return 1",
        "from math import sin, cos\nimport os\ndef predict(past, load): return 1",
        "class Model:\n    def __call__(self, past, load): return 1\nforecast = Model()",
        "forecast = lambda past, load: 1",
    ],
)
def test_forecast_is_called_or_else_the_scripts_only_function(script):
    assert guest.function_of(module_of(script))(None, None) == 1


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("x = 1", "The script defines no function; name the one to call forecast(past_estimates, load)."),
        (
            "from math import sin",
            "The script defines no function; name the one to call forecast(past_estimates, load).",
        ),
        (
            "def a(p, l): pass\ndef b(p, l): pass",
            "The script defines 2 functions, a, b; name the one to call forecast(past_estimates, load).",
        ),
    ],
)
def test_a_script_without_a_clear_function_is_refused(script, found):
    with pytest.raises(Unfit) as unfit:
        guest.function_of(module_of(script))
    assert str(unfit.value) == found


def test_a_function_that_takes_one_argument_is_refused_when_it_is_loaded(in_folder):
    in_folder("def forecast(past):\n    return past\n")
    with pytest.raises(Unfit, match=r"forecast\(\) must take two arguments, past_estimates and load: too many"):
        guest.load({"script": "forecaster.py"})


def test_loading_tells_the_function_and_the_libraries_that_the_script_imports(in_folder):
    in_folder("import os\nfrom scipy.stats import skew\nimport sklearn.base\ndef predict(past, load): pass\n")
    found = guest.load({"script": "forecaster.py"})
    import scipy
    import sklearn

    assert found["entry"] == "predict"
    assert found["library_versions"] == {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "scipy": scipy.__version__,
        "sklearn": sklearn.__version__,
    }


def test_the_function_gets_two_dataframes_and_its_columns_come_back_as_floats(in_folder):
    folder = in_folder(
        "def forecast(past_estimates, load):\n"
        "    factor = int(open('factor.txt').read())\n"
        "    return load.assign(soc=past_estimates['soc'].iloc[-1] * factor, step=range(len(load)))\n"
    )
    (folder / "factor.txt").write_text("3")
    answer = guest.forecast(
        {
            "script": "forecaster.py",
            "history": {"test_time": np.array([0.0, 1.0]), "soc": np.array([0.5, 0.25])},
            "load": {"test_time": np.array([0.0, 5.0])},
        }
    )
    columns = answer["columns"]
    assert {name: (values.dtype, values.tolist()) for name, values in columns.items()} == {
        "test_time": (np.float64, [0, 5]),
        "soc": (np.float64, [0.75, 0.75]),
        "step": (np.float64, [0, 1]),
    }


# --- what it returns -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "forecast() returned type NoneType; it must return a pandas DataFrame."),
        ({"soc": [1]}, "forecast() returned type dict; it must return a pandas DataFrame."),
        (pd.Series([1.0]), "forecast() returned type Series; it must return a pandas DataFrame."),
        (np.ones((2, 2)), "forecast() returned type ndarray; it must return a pandas DataFrame."),
        (pd.DataFrame(), "forecast() returned 0 rows; it must return 1 to 1,000,000."),
        (pd.DataFrame({"a": []}), "forecast() returned 0 rows; it must return 1 to 1,000,000."),
        (
            pd.DataFrame({"a": np.zeros(1_000_001, dtype=np.int8)}),
            "forecast() returned 1,000,001 rows; it must return 1 to 1,000,000.",
        ),
        (pd.DataFrame(np.zeros((1, 51))), "forecast() returned 51 columns; it must return 1 to 50."),
        (
            pd.DataFrame(np.zeros((1_000_000, 9), dtype=np.int8)),
            "forecast() returned 9,000,000 values in all; 8,000,000 are the most.",
        ),
        (pd.DataFrame({0: [1.0]}), "forecast() returned a column named 0; name columns with text."),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "forecast() returned two columns named 'a'."),
        (pd.DataFrame({"a": ["x"]}), "forecast() returned object in the column 'a'; it must hold numbers."),
        (pd.DataFrame({"a": [1j]}), "forecast() returned complex128 in the column 'a'; it must hold numbers."),
        (
            pd.DataFrame({"a": pd.to_datetime(["2026-01-01"])}),
            "forecast() returned datetime64[ns] in the column 'a'; it must hold numbers.",
        ),
    ],
)
def test_anything_but_a_dataframe_of_numbers_is_refused_with_what_it_was(answer, complaint):
    with pytest.raises(Unfit) as unfit:
        guest.columns_of(answer)
    assert str(unfit.value) == complaint


def test_integers_booleans_and_missing_values_become_floats():
    columns = guest.columns_of(
        pd.DataFrame({"i": [1, 2], "b": [True, False], "m": pd.array([1, None], dtype="Int64"), "n": [np.nan, np.inf]})
    )
    assert columns["i"].tolist() == [1.0, 2.0]
    assert columns["b"].tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(columns["m"], [1.0, np.nan])
    np.testing.assert_array_equal(columns["n"], [np.nan, np.inf])


# --- what is believed of it outside --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "columns",
    [
        None,
        [],
        {},
        {"a": [1.0]},
        {"a": np.zeros((1, 1))},
        {"a": np.zeros(1, dtype=np.int64)},
        {"a": np.zeros(0)},
        {"a": np.zeros(1_000_001)},
        {"": np.zeros(1)},
        {"a\0": np.zeros(1)},
        {"a" * 201: np.zeros(1)},
        {str(number): np.zeros(1) for number in range(51)},
    ],
    ids=repr,
)
def test_a_guest_that_a_script_has_changed_is_not_believed(columns):
    with pytest.raises(ForecastFailed):
        checked_columns(columns)


def test_a_forecasts_column_replaces_the_loads_and_battery_time_follows_its_test_time():
    load = {"test_time": np.array([0.0, 1.0]), "current": np.array([2.0, 2.0])}
    load["battery_time"] = load["test_time"] + 100.0
    forecast = {"test_time": np.array([0.0, 60.0]), "soc": np.array([0.5, 0.6])}
    merged = load_and_forecast(load, forecast, newest_estimate=100.0)
    assert {name: values.tolist() for name, values in merged.items()} == {
        "test_time": [0, 60],
        "current": [2, 2],
        "battery_time": [100, 160],
        "soc": [0.5, 0.6],
    }


def test_columns_of_unequal_length_are_refused_with_their_lengths():
    load = {"test_time": np.zeros(3), "battery_time": np.zeros(3)}
    with pytest.raises(ForecastFailed) as failed:
        load_and_forecast(load, {"soc": np.zeros(2)}, 0.0)
    assert failed.value.message == (
        "The columns of load and forecast differ in length: test_time 3, battery_time 3, soc 2."
    )


def test_a_forecast_that_replaces_all_of_the_load_may_have_a_length_of_its_own():
    load = {"test_time": np.zeros(3), "battery_time": np.zeros(3)}
    merged = load_and_forecast(load, {"test_time": np.array([0.0, 9.0]), "soc": np.zeros(2)}, 5.0)
    assert {name: len(values) for name, values in merged.items()} == {"test_time": 2, "battery_time": 2, "soc": 2}
