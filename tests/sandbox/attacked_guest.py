"""The guest that the tests open: it loads `script.py` and calls a function of it."""

from sandbox.scripts import load_script

_kept = {}


def _load(arguments):
    _kept["module"] = load_script(arguments.get("script", "script.py"))
    return {"names": sorted(name for name in vars(_kept["module"]) if not name.startswith("_"))}


def _run(arguments):
    return {"value": getattr(_kept["module"], arguments.get("function", "run"))(*arguments.get("positional", []))}


def _echo(arguments):
    return arguments


def _as_it_is(arguments):
    return _kept["module"].run()


verbs = {"load": _load, "run": _run, "echo": _echo, "as_it_is": _as_it_is}
