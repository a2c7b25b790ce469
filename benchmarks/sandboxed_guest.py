"""The guest of benchmarks/sandboxed_scripts.py: gives back what it got, by way of the script."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sandbox.scripts import load_script

_loaded: dict[str, ModuleType] = {}


def _load(arguments: dict[str, Any]) -> dict[str, Any]:
    _loaded["script"] = load_script("script.py")
    return {}


def _run(arguments: dict[str, Any]) -> dict[str, Any]:
    return _loaded["script"].run(**arguments)


verbs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"load": _load, "run": _run}
