"""What holds for the project as a whole."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.servers import environment

PROJECT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
HEAVY = ("numpy", "pandas", "battdat", "plotly", "scipy", "sklearn", "tables", "pyarrow", "matplotlib")


def pins(name):
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", (PROJECT / name).read_text(), re.MULTILINE))


def own_files(folder, *kinds):
    return [
        path for kind in kinds for path in sorted((PROJECT / folder).rglob(f"*{kind}")) if "vendor" not in path.parts
    ]


def test_no_requirements_file_names_the_workflow_engine_called_moirae():
    files = [*PROJECT.glob("*requirements*"), *PROJECT.glob("constraints*"), PROJECT / "pyproject.toml"]

    assert len(files) >= 5
    assert [file.name for file in files if re.search(r"^\s*[\"']?moirae\b", file.read_text(), re.MULTILINE)] == []


def test_every_direct_dependency_stands_in_its_lock_with_its_version():
    assert pins("requirements.txt").items() <= pins("requirements.lock").items()
    assert pins("requirements-dev.txt").items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize(("wishes", "lock"), [("requirements.txt", LOCKS[0]), ("requirements-dev.txt", LOCKS[1])])
def test_a_lock_holds_all_that_its_packages_need_in_turn(wishes, lock):
    """As the installed ones say of themselves; one that is installed in another version is not asked."""
    locked, missing = pins(lock), set()
    direct = re.findall(r"^([a-z0-9._-]+)((?:\[[a-z,]+\])?)==", (PROJECT / wishes).read_text(), re.MULTILINE)
    waiting = [(name, frozenset(extras.strip("[]").split(",")) - {""}) for name, extras in direct]
    asked = set()
    while waiting:
        name, extras = waiting.pop()
        if name not in locked:
            missing.add(name)
        elif (name, extras) not in asked and version_of(name) == locked[name]:
            asked.add((name, extras))
            wishes_of_it = map(Requirement, metadata.requires(name) or ())
            waiting += [
                (re.sub(r"[-_.]+", "-", wish.name).lower(), frozenset(wish.extras))
                for wish in wishes_of_it
                if wish.marker is None or any(wish.marker.evaluate({"extra": extra}) for extra in {"", *extras})
            ]

    assert missing == set()
    assert len(asked) > 50


def version_of(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def test_the_development_lock_holds_all_that_runs_so_that_one_environment_serves_both():
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_a_hash_and_comes_from_no_address(lock):
    text = (PROJECT / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]

    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"(?:https?|file)://\S+", text) == []


def test_no_page_loads_anything_from_another_host():
    loads = re.compile(
        r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//|@import|url\(\s*[\"']?(?:https?:)?//|fetch\(\s*[\"']http"
    )
    files = [*own_files("templates", ".html", ".svg", ".txt"), *own_files("static", ".css", ".js", ".svg")]

    assert len(files) > 10
    assert [str(file.relative_to(PROJECT)) for file in files if loads.search(file.read_text())] == []


def test_no_page_has_a_script_or_a_style_of_its_own():
    """The content security policy forbids both."""
    inline = re.compile(
        r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<script(?![^>]*\ssrc=)(?![^>]*application/json)", re.IGNORECASE
    )

    assert [
        str(file.relative_to(PROJECT)) for file in own_files("templates", ".html") if inline.search(file.read_text())
    ] == []


def test_a_web_process_starts_without_the_heavy_libraries(tmp_path):
    code = f"import rovi_site.asgi, rovi_site.urls, sys; print([name for name in {HEAVY!r} if name in sys.modules])"

    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT, env=environment(tmp_path, 8000), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert ended.stdout.splitlines()[-1] == "[]"


def test_every_variable_of_the_environment_stands_in_the_docs_with_its_default(tmp_path):
    """Read in a process of its own, where none is set."""
    code = (
        "import os; [os.environ.pop(name) for name in ('HOST', 'PORT', 'ROVI_DEMO')]; "
        "from rovi_site import settings, env; "
        "[print(f'| `{each.name}` | {each.default} | {each.meaning} |') for each in env.VARIABLES.values()]"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT, env=environment(tmp_path, 8000), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    expected = shown.replace(f"{PROJECT}/var", "var").splitlines()
    written = [line for line in (PROJECT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")]

    assert written == expected


@pytest.mark.django_db
def test_no_model_changed_without_its_migration():
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
