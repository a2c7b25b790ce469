"""The bootstrap, run as it is run: a wheel made here stands for the packages, no index is asked."""

import ast
import base64
import hashlib
import os
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from rovi_site import install

SCRIPT = Path(install.__file__)


def wheel(folder: Path, version: str) -> str:
    """A package `roviprobe` that knows its version; returns its line of a lock."""
    name = f"roviprobe-{version}"
    files = {
        "roviprobe.py": f"version = {version!r}\n",
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: roviprobe\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text)}\n"
    files[f"{name}.dist-info/RECORD"] = record + f"{name}.dist-info/RECORD,,\n"
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return f"roviprobe=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def clone(folder: Path) -> Path:
    """Of which only the installer and the lock matter."""
    (folder / "rovi_site").mkdir()
    (folder / "rovi_site" / "install.py").write_text(SCRIPT.read_text())
    (folder / "wheels").mkdir()
    (folder / "requirements.lock").write_text(wheel(folder / "wheels", "1.0"))
    return folder


@pytest.fixture
def project(tmp_path):
    return clone(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """For tests of what comes after: to make an environment takes seconds."""
    project = clone(tmp_path_factory.mktemp("installed"))
    assert start(project).returncode == 0
    return project


def start(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "ROVI_"))}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-I", str(project / "rovi_site" / "install.py"), *arguments],
        env={**environment, **offline, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_can_read_the_installer_and_hear_that_it_is_too_old():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
    assert install.wrong_python((3, 8, 1)) == (
        f"ROVI needs Python 3.11 or newer, and {sys.executable} is Python 3.8.1. Install a newer one, or name it: "
        "make run PYTHON=python3.11"
    )


def test_the_installer_imports_nothing_that_would_have_to_be_installed():
    tree = ast.parse(SCRIPT.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert imported - set(sys.stdlib_module_names) == set()


def test_a_newer_python_is_found_by_name_unless_it_does_not_start(tmp_path):
    broken, works = tmp_path / "python3.11", tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\nexit 127\n")
    works.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for path in (broken, works):
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    assert install.newer_python(str(tmp_path)) == str(works)
    works.unlink()
    assert install.newer_python(str(tmp_path)) is None


def test_the_first_start_installs_and_the_second_only_looks(project):
    command = ("--", "python", "-c", "import roviprobe, sys; print(roviprobe.version, sys.prefix)")

    first = start(project, *command)
    second = start(project, *command)

    assert first.stdout == second.stdout == f"1.0 {project / '.venv'}\n"
    assert first.stderr.splitlines()[:2] == [
        f"Making a virtual environment in {project / '.venv'} ...",
        "Installing 1 packages from requirements.lock, once; this takes a minute or two ...",
    ]
    assert second.stderr == ""

    (project / "requirements.lock").write_text(wheel(project / "wheels", "2.0"))
    assert start(project, *command).stdout.startswith("2.0 ")

    (project / "requirements.lock").write_text("roviprobe==3.0 --hash=sha256:" + "0" * 64 + "\n")
    missing = start(project, *command)
    assert missing.returncode == 1
    assert missing.stderr.splitlines()[-1].startswith(
        "The package index that can be reached has no fitting build of a package: "
        "ERROR: No matching distribution found for roviprobe==3.0"
    )
    assert not (project / ".venv" / install.STAMP).exists()  # so that the next start tries again


def test_a_start_that_is_stopped_takes_pip_along_and_the_next_one_goes_on(project, tmp_path):
    (project / "requirements.lock").write_text("roviprobe @ http://127.0.0.1:9/ --hash=sha256:" + "0" * 64 + "\n")
    patient = {**os.environ, "PIP_RETRIES": "100", "PIP_CONFIG_FILE": os.devnull}
    first = subprocess.Popen(
        [sys.executable, "-I", str(project / "rovi_site" / "install.py")],
        env=patient,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert first.stderr is not None
    while "Installing" not in first.stderr.readline():
        pass
    time.sleep(0.5)
    first.terminate()

    assert first.wait(240) == 130
    assert first.stderr.read() == "Stopped while installing; the next start goes on from here.\n"
    pips = subprocess.run(["pgrep", "-f", str(project)], capture_output=True, text=True, check=False).stdout
    assert pips == ""
    (project / "requirements.lock").write_text(wheel(project / "wheels", "1.0"))
    assert start(project, "--", "python", "-c", "import roviprobe").returncode == 0


def test_the_exit_status_of_the_command_is_handed_on(installed):
    assert start(installed, "--", "python", "-c", "raise SystemExit(7)").returncode == 7


def test_what_the_command_imports_is_compiled_once_whatever_the_shell_says(installed):
    (installed / "probe.py").write_text("")
    shell = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(installed)}

    assert start(installed, "--", "python", "-c", "import probe", **shell).returncode == 0

    assert len(list(installed.glob("__pycache__/probe.*.pyc"))) == 1


def test_a_package_whose_hash_differs_is_not_installed(project):
    (project / "requirements.lock").write_text("roviprobe==1.0 --hash=sha256:" + "0" * 64 + "\n")

    refused = start(project)

    assert refused.returncode == 1
    assert "its hash differs" in refused.stderr


def test_a_folder_with_other_things_in_it_is_left_alone(project):
    (project / "mine").mkdir()
    (project / "mine" / "letter").write_text("dear")

    refused = start(project, ROVI_VENV=str(project / "mine"))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"{project / 'mine'} is there and is not a virtual environment. Move it away, or name another folder in "
        "ROVI_VENV.\n"
    )
    assert [file.name for file in (project / "mine").iterdir()] == ["letter"]


def test_a_folder_that_cannot_be_written_is_told(project):
    (project / "file").write_text("")

    refused = start(project, ROVI_VENV=str(project / "file" / "venv"))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"{project / 'file' / 'venv'} cannot be written (Not a directory). The virtual environment goes there: make it "
        "writable, or name another folder in ROVI_VENV.\n"
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("...NewConnectionError('<pip...>: Failed to establish a new connection", "No package index can be reached."),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full"),
        ("OSError: [Errno 13] Permission denied: '/x'", "pip may not write into the virtual environment."),
        ("error: metadata-generation-failed", "A package had to be compiled and was not."),
        ("line\nERROR: something else", "pip could not install the packages. It says: line / ERROR: something else"),
    ],
)
def test_what_pip_says_at_length_becomes_a_sentence(said, sentence):
    assert install.why_no_packages(said).startswith(sentence)


def test_a_missing_venv_module_names_the_package_to_install():
    said = "The virtual environment was not created successfully because ensurepip is not available."

    assert "apt-get install python3." in install.why_no_environment(said)
