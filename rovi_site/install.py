"""From a fresh clone to a virtual environment with everything in it, then on to a command that runs there.

    python3 -I rovi_site/install.py [--dev] -- python manage.py serve

Started by the system's Python before anything is installed, so it uses the standard library alone, and it parses on
Python 3.8 in order that an old Python can say that it is too old. (`-I` keeps this folder off the import path: its
`secrets.py` is not the standard library's.)
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER_NAMES = ("python3.11", "python3.12", "python3.13", "python3.14")
PROJECT = Path(__file__).resolve().parent.parent
RUNTIME_LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"
STAMP = "rovi-installed"
LOG = "rovi-install.log"


class CannotInstall(Exception):
    """The sentence says what is missing, and what to do."""


def main(arguments: list[str]) -> int:
    options = _read(arguments)
    if sys.version_info < OLDEST:
        newer = newer_python(os.environ.get("PATH", ""))
        if newer is None:
            say(wrong_python(sys.version_info[:3]))
            return 1
        os.execv(newer, [newer, "-I", str(Path(__file__).resolve()), *arguments])  # noqa: S606
    venv = venv_folder(os.environ, PROJECT)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends as Ctrl-C does, and pip with it
    try:
        install(venv, PROJECT, development=options.dev)
    except CannotInstall as refusal:
        say(str(refusal))
        return 1
    except KeyboardInterrupt:
        say("Stopped while installing; the next start goes on from here.")
        return 130
    return hand_over(venv, options.command) if options.command else 0


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Install the locked requirements, then run a command with them.")
    parser.add_argument("--dev", action="store_true", help="what tests and linters need, too")
    parser.add_argument("command", nargs="*", help="program of the environment and its arguments, after --")
    return parser.parse_args(arguments)


def wrong_python(version: tuple[int, ...]) -> str:
    return "ROVI needs Python {} or newer, and {} is Python {}. Install a newer one, or name it: make run PYTHON=python3.11".format(  # noqa: E501
        dotted(OLDEST), sys.executable or "this", dotted(version)
    )


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def newer_python(search_path: str) -> str | None:
    """The first Python on the path that is new enough, and starts: a version manager leaves stand-ins that do not."""
    question = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for name in NEWER_NAMES:
        found = shutil.which(name, path=search_path)
        if found and subprocess.run([found, "-c", question], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return found
    return None


def venv_folder(environment: os._Environ[str] | dict[str, str], project: Path) -> Path:
    return Path(environment.get("ROVI_VENV") or project / ".venv").expanduser().absolute()


def install(venv: Path, project: Path, development: bool) -> None:
    """Makes `venv` hold what the lock says; done already, it costs one hash."""
    lock = project / (DEVELOPMENT_LOCK if development else RUNTIME_LOCK)
    if runs(venv) and fingerprint(lock) in stamps(venv):
        return
    make_environment(venv)
    forget(venv)
    fetch(venv, lock)
    # The development lock holds all of the other one (a test sees to that), so after it `make run` has nothing to do.
    done = [lock, project / RUNTIME_LOCK] if development else [lock]
    (venv / STAMP).write_text("".join(fingerprint(path) + "\n" for path in done), encoding="utf-8")


def python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def runs(venv: Path) -> bool:
    """Is there an environment whose Python starts? One made by a Python that is gone does not."""
    try:
        return subprocess.run([str(python_of(venv)), "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def fingerprint(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def stamps(venv: Path) -> list[str]:
    try:
        return (venv / STAMP).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return []


def forget(venv: Path) -> None:
    """Half an installation must not look like a whole one."""
    if (venv / STAMP).exists():
        (venv / STAMP).unlink()


def make_environment(venv: Path) -> None:
    if runs(venv):
        check_writable(venv)
        return
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise CannotInstall(
            f"{venv} is there and is not a virtual environment. Move it away, or name another folder in ROVI_VENV."
        )
    try:
        venv.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotInstall(read_only(venv, error)) from None
    check_writable(venv)
    say(f"Making a virtual environment in {venv} ...")
    made = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(venv, ignore_errors=True)
        raise CannotInstall(why_no_environment(made.stdout))


def check_writable(folder: Path) -> None:
    probe = folder / ".rovi-writable"
    try:
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise CannotInstall(read_only(folder, error)) from None


def read_only(folder: Path, error: OSError) -> str:
    return (
        f"{folder} cannot be written ({error.strerror}). The virtual environment goes there: make it writable, "
        "or name another folder in ROVI_VENV."
    )


def why_no_environment(output: str) -> str:
    if "ensurepip" in output or "No module named venv" in output:
        version = dotted(sys.version_info[:2])
        return (
            "This Python cannot make virtual environments: its venv module is not installed. "
            f"On Debian and Ubuntu: apt-get install python{version}-venv"
        )
    return "The virtual environment could not be made. Python says: " + last_lines(output)


def fetch(venv: Path, lock: Path) -> None:
    """Lets pip install the lock, with a line now and then; what pip says in full is kept in the environment."""
    packages = sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text("utf-8").splitlines())
    say(f"Installing {packages} packages from {lock.name}, once; this takes a minute or two ...")
    # The lock is whole, so pip need not resolve (--no-deps); bytecode is made as modules are first imported.
    command = [
        str(python_of(venv)), "-m", "pip", "install", "--no-deps", "--no-compile", "--require-hashes",
        "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-r", str(lock),
    ]  # fmt: skip
    seen = []
    collected = 0
    with (venv / LOG).open("w", encoding="utf-8") as log:
        pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")  # noqa: S603
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                log.write(line)
                seen.append(line)
                if line.startswith(("Collecting ", "Processing ")):
                    collected += 1
                    if collected % 25 == 0:
                        say(f"  {collected} fetched")
                elif line.startswith("Installing collected"):
                    say("  all fetched, unpacking")
        except KeyboardInterrupt:
            pip.terminate()
            pip.wait()
            raise
    if pip.wait() != 0:
        raise CannotInstall(why_no_packages("".join(seen)) + f" All that pip said stands in {venv / LOG}.")


def why_no_packages(output: str) -> str:
    """One sentence for what pip tells at length."""
    if "No space left on device" in output:
        return "The disk is full: the packages take 900 MB."
    if "Permission denied" in output or "Read-only file system" in output:
        return "pip may not write into the virtual environment. Make it writable, or name another folder in ROVI_VENV."
    if "DO NOT MATCH THE HASHES" in output:
        return (
            "A package is not the one that the lock names: its hash differs. If your package index rebuilds packages, "
            "use another; otherwise do not install it."
        )
    if "NewConnectionError" in output or "Max retries exceeded" in output or "Could not fetch URL" in output:
        return "No package index can be reached. Check the network, or point pip to an index: PIP_INDEX_URL=https://..."
    if "No matching distribution found" in output:
        return (
            "The package index that can be reached has no fitting build of a package: " + last_lines(output, 1)
            + " Check the network and PIP_INDEX_URL; a Python of 3.11 to 3.13 has most builds."
        )  # fmt: skip
    if "Failed building wheel" in output or "metadata-generation-failed" in output:
        return "A package had to be compiled and was not. Install a compiler (Debian: gcc python3-dev), or use 3.11."
    return "pip could not install the packages. It says: " + last_lines(output)


def last_lines(output: str, count: int = 3) -> str:
    lines = [
        line.strip() for line in output.splitlines() if line.strip() and not line.startswith(("WARNING", "[notice]"))
    ]
    return " / ".join(lines[-count:])


def hand_over(venv: Path, command: list[str]) -> int:
    """Becomes the command, so that a signal reaches it and its exit status is ours; returns only if there is none."""
    programs = str(venv / "bin")
    environment = {**os.environ, "VIRTUAL_ENV": str(venv), "PATH": programs + os.pathsep + os.environ.get("PATH", "")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile anew all that it imports
    program = shutil.which(command[0], path=environment["PATH"])
    if program is not None:
        os.execve(program, command, environment)  # noqa: S606
    say(f"There is no program {command[0]!r} in {programs}.")
    return 127


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201  (a command line program before any logging exists)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
