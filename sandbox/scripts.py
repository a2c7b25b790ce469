"""For guests, inside the sandbox: load the stranger's script and say at which of its lines an error arose.

A guest is a trusted module, free of Django, with an attribute `verbs: dict[str, Callable[[dict], dict]]`. It is
imported before the doors close; its verbs are called after. A typical guest:

    from sandbox.scripts import load_script

    kept = {}

    def load(arguments):
        kept["module"] = load_script(arguments["script"])
        return {"names": sorted(vars(kept["module"]))}

    verbs = {"load": load}

What a verb returns must be plain data and numpy arrays (sandbox/messages.py). Any exception becomes ScriptFailed at the
host.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from pathlib import Path
from types import ModuleType

MODULE_NAME = "uploaded_script"

_MOST_LETTERS = 16_000


class Unfit(Exception):
    """A guest's complaint about a script that raised nothing: the wrong names, types or shapes. Shown without a
    traceback.
    """


def load_script(name: str, folder: Path | None = None) -> ModuleType:
    """Runs the file `name` in `folder` (default: the working folder) as a module `uploaded_script`, importable and
    picklable.

    Its neighbours can be imported and opened by their plain names. Raises whatever the script raises.
    """
    folder = Path.cwd() if folder is None else folder
    path = folder / name
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    source = path.read_bytes()
    module = ModuleType(MODULE_NAME)
    module.__file__ = name  # the plain name, so that tracebacks do not carry the machine's folders
    sys.modules[MODULE_NAME] = module
    text = source.decode("utf-8", errors="replace")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(source, name, "exec", dont_inherit=True), vars(module))  # noqa: S102  (this is what the walls are for)
    return module


def script_line(error: BaseException) -> int | None:
    """The line of the script where `error` arose or passed; None when it never touched the script."""
    name = _script_file()
    if name is None:
        return None
    if isinstance(error, SyntaxError) and error.filename == name:
        return error.lineno
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == name]
    return lines[-1] if lines else None


def script_traceback(error: BaseException) -> str:
    """The traceback from the script's first frame on: the frames above it are ours and tell a script's author
    nothing.
    """
    name = _script_file()
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError | Unfit):
        trace = error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, trace))
    if len(text) > _MOST_LETTERS:
        half = _MOST_LETTERS // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} letters left out …]\n{text[-half:]}"
    return text


def _script_file() -> str | None:
    module = sys.modules.get(MODULE_NAME)
    name = getattr(module, "__file__", None)
    return name if isinstance(name, str) else None
