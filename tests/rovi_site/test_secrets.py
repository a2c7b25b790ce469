import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from rovi_site.secrets import kept_secret


def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path):
    path = tmp_path / "data" / "secret_key"

    first = kept_secret(path)

    assert len(first) == 67  # 50 bytes in base64 without padding
    assert kept_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]


def test_many_who_make_it_at_once_agree(tmp_path, monkeypatch):
    numbers = iter(range(1000, 2000))
    monkeypatch.setattr("os.getpid", lambda: next(numbers))  # as if each were a process of its own

    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: kept_secret(tmp_path / "secret"), range(64)))

    assert len(secrets) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff\xfe" * 20])
def test_a_damaged_secret_is_not_used(tmp_path, content):
    path = tmp_path / "secret_key"
    path.write_bytes(content)

    with pytest.raises(SystemExit) as stop:
        kept_secret(path)

    assert stop.value.code == (
        f"{path} is damaged: it holds no secret. Put it back from a backup, or delete it to have a new one made "
        "(sessions then end, and people log in again)."
    )
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SystemExit, match=r"secret_key cannot be read or made \(Not a directory\)"):
        kept_secret(tmp_path / "file" / "data" / "secret_key")
