"""Inside the sandbox: loads a forecaster's script and calls its function.

Free of Django, and never imported by a web process. Arrays come in and go out; the DataFrames exist in here only.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from prognosis.forecasting.answer import MAX_COLUMNS, MAX_POINTS, MAX_VALUES
from sandbox.scripts import Unfit, load_script

ENTRY = "forecast"
Forecast = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def load(arguments: dict[str, Any]) -> dict[str, Any]:
    """Runs the script once and tells which function would be called, and with which libraries."""
    module, function = _loaded(arguments["script"])
    return {"entry": function.__name__, "library_versions": _library_versions(arguments["script"], module)}


def forecast(arguments: dict[str, Any]) -> dict[str, Any]:
    """Loads the script and calls its function with history and load; returns the forecast's columns as arrays."""
    _, function = _loaded(arguments["script"])
    past_estimates, load_ahead = pd.DataFrame(arguments["history"]), pd.DataFrame(arguments["load"])
    return {"columns": columns_of(function(past_estimates, load_ahead))}


verbs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"load": load, "forecast": forecast}


def _loaded(script: str) -> tuple[ModuleType, Forecast]:
    module = load_script(script)
    function = function_of(module)
    try:
        inspect.signature(function).bind("past_estimates", "load")
    except TypeError as wrong:
        raise Unfit(f"{function.__name__}() must take two arguments, past_estimates and load: {wrong}.") from None
    except ValueError:  # a callable that tells no signature, such as one of a compiled module
        return module, function
    return module, function


def function_of(module: ModuleType) -> Forecast:
    """The function `forecast`, or the only function that the script itself defines; raises Unfit.

    Functions that it imports do not count, nor do those whose name begins with an underscore.
    """
    named = getattr(module, ENTRY, None)
    if callable(named):
        return named
    own = [
        value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    if len(own) == 1:
        return own[0]
    found = f"{len(own)} functions, {', '.join(function.__name__ for function in own)[:200]}" if own else "no function"
    raise Unfit(f"The script defines {found}; name the one to call forecast(past_estimates, load).")


def columns_of(answer: Any) -> dict[str, np.ndarray]:
    """The columns of a forecast as float arrays; raises Unfit for anything but a DataFrame of numbers."""
    if not isinstance(answer, pd.DataFrame):
        raise Unfit(f"forecast() returned type {type(answer).__name__}; it must return a pandas DataFrame.")
    if not 0 < len(answer) <= MAX_POINTS:
        raise Unfit(f"forecast() returned {len(answer):,} rows; it must return 1 to {MAX_POINTS:,}.")
    if not 0 < len(answer.columns) <= MAX_COLUMNS:
        raise Unfit(f"forecast() returned {len(answer.columns):,} columns; it must return 1 to {MAX_COLUMNS}.")
    if answer.size > MAX_VALUES:
        raise Unfit(f"forecast() returned {answer.size:,} values in all; {MAX_VALUES:,} are the most.")
    names = list(answer.columns)
    for name in names:
        if not isinstance(name, str):
            raise Unfit(f"forecast() returned a column named {name!r}; name columns with text.")
        if names.count(name) > 1:
            raise Unfit(f"forecast() returned two columns named {name!r}.")
    return {name: _numbers(name, answer[name]) for name in names}


def _numbers(name: str, column: pd.Series) -> np.ndarray:
    kind = column.dtype
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        raise Unfit(f"forecast() returned {kind} in the column {name!r}; it must hold numbers.")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _library_versions(script: str, module: ModuleType) -> dict[str, str]:
    """Of Python, numpy, pandas, and each library that the script itself imports."""
    versions = {"python": sys.version.split()[0], "numpy": np.__version__, "pandas": pd.__version__}
    for node in ast.walk(ast.parse(Path(script).read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            version = getattr(sys.modules.get(top), "__version__", None)
            if isinstance(version, str) and module is not sys.modules.get(top):
                versions[top] = version[:100]
    return versions
