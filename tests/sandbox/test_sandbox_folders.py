"""A guest's folder: copies under plain names, and removal of whatever a script leaves in it."""

import os
import stat
from pathlib import Path

import pytest

import sandbox
from sandbox import folders
from sandbox.folders import BadFileName, FolderTooBig, check_folder, private_folder, remove_folder, sweep
from tests.sandbox.asking import run


def test_files_are_copied_and_only_their_owner_may_read_them(tmp_path):
    original = tmp_path / "original.csv"
    original.write_text("1,2")
    folder = private_folder(tmp_path / "guests", {"script.py": b"x = 1", "table.csv": original})
    assert sorted(path.name for path in folder.iterdir()) == ["script.py", "table.csv"]
    assert (folder / "table.csv").read_text() == "1,2"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (folder / "table.csv").stat().st_ino != original.stat().st_ino


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", ".hidden", "a\x00b", "a\nb", "x" * 256, "é" * 128],
)
def test_names_that_are_not_plain_are_refused_and_nothing_is_left(tmp_path, name):
    with pytest.raises(BadFileName):
        private_folder(tmp_path, {"fine.txt": b"", name: b"x"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["weights.csv", "module 7 α.h5", "a..b", "x" * 255])
def test_plain_names_are_taken(tmp_path, name):
    assert (private_folder(tmp_path, {name: b"x"}) / name).read_bytes() == b"x"


def test_a_symbolic_link_or_a_folder_is_not_copied_and_nothing_is_left(tmp_path):
    (tmp_path / "secret").write_text("words")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    for source in (tmp_path / "link", tmp_path, tmp_path / "absent"):
        with pytest.raises(ValueError, match="is not a regular file"):
            private_folder(tmp_path / "guests", {"x": source})
    assert list((tmp_path / "guests").iterdir()) == []


def test_removal_does_not_follow_links(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("still here")
    folder = private_folder(tmp_path, {})
    (folder / "link").symlink_to(tmp_path / "kept")
    (folder / "inner").mkdir()
    (folder / "inner" / "link").symlink_to(tmp_path / "kept")
    remove_folder(folder)
    assert not folder.exists()
    assert (tmp_path / "kept" / "file").read_text() == "still here"
    remove_folder(folder)  # once more is fine


def test_removal_reaches_forbidden_and_very_deep_folders(tmp_path):
    folder = private_folder(tmp_path, {})
    here = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(800):
            Path("inner").mkdir(0o700)
            Path("shut").mkdir(0)
            os.chdir("inner")
    finally:
        os.chdir(here)
    remove_folder(folder)
    assert not folder.exists()


def test_folders_of_owners_that_were_killed_are_swept_and_those_in_use_are_not(tmp_path, monkeypatch):
    base = tmp_path / "guests"
    left, used, new = (private_folder(base, {"x": b""}) for _ in range(3))
    (base / "not-ours").mkdir()
    held = folders.hold(used)
    sweep(base)
    assert left.exists()  # too young: its guest may be about to be opened
    monkeypatch.setattr(folders, "_SECONDS_TO_BE_OPENED", -1.0)
    taken = folders.hold(new)
    sweep(base)
    assert sorted(path.name for path in base.iterdir()) == sorted([used.name, new.name, "not-ours"])
    for descriptor in (held, taken):
        os.close(descriptor)
    folders._swept.discard(base)
    last = private_folder(base, {})
    assert sorted(path.name for path in base.iterdir()) == sorted([last.name, "not-ours"])


def test_the_folder_of_a_living_guest_is_not_swept(zygote, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_SECONDS_TO_BE_OPENED", -1.0)
    with zygote.open("tests.sandbox.attacked_guest", private_folder(tmp_path, {"script.py": b"x = 1"})) as guest:
        sweep(tmp_path)
        assert guest.call("load", {}) == {"names": ["x"]}


def test_a_folder_is_measured_with_all_below_it(tmp_path):
    folder = private_folder(tmp_path, {"a": bytes(100_000)})
    (folder / "inner").mkdir()
    (folder / "inner" / "b").write_bytes(bytes(100_000))
    check_folder(folder, 220_000, 3)
    with pytest.raises(FolderTooBig, match="more than 2 files and folders"):
        check_folder(folder, 220_000, 2)
    with pytest.raises(FolderTooBig, match="more than the 0 MiB"):
        check_folder(folder, 199_000, 3)


def test_a_script_that_changes_its_files_changes_neither_the_originals_nor_the_next_script(zygote, tmp_path):
    originals = {}
    for name, text in {
        "script.py": "import helper\ndef run():\n    return [helper.word, open('data.txt').read()]\n"
        "def spoil():\n"
        "    import os\n"
        "    for name in os.listdir('.'): open(name, 'w').write('word = \"spoilt\"')\n"
        "    open('numpy.py', 'w').write('1/0')\n",
        "helper.py": "word = 'clean'\n",
        "data.txt": "clean",
    }.items():
        originals[name] = tmp_path / name
        originals[name].write_text(text)
    before = {name: path.read_text() for name, path in originals.items()}

    for _ in range(2):
        folder = private_folder(tmp_path / "guests", originals)
        with zygote.open("tests.sandbox.attacked_guest", folder, sandbox.Limits()) as guest:
            guest.call("load", {})
            assert run(guest) == ["clean", "clean"]
            guest.call("run", {"function": "spoil"})
    assert {name: path.read_text() for name, path in originals.items()} == before
