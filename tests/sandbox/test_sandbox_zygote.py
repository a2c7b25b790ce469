"""The zygote's life: what it needs, how it is replaced, and what its death does to others."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import sandbox
from sandbox import walls as walls_module
from sandbox import zygote as zygote_module
from tests.sandbox.asking import run

GUEST = "tests.sandbox.attacked_guest"
COUNTING = b"def run(): return 1"


@pytest.fixture
def own_zygote(zygote):
    """One that a test may kill."""
    with sandbox.Zygote.start(preload=()) as running:
        yield running


def is_gone(process):
    """Dead, or a zombie that nobody waits for."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_wall_that_nobody_knows_is_missing(tmp_path):
    with pytest.raises(sandbox.WallsMissing) as refused:
        sandbox.Zygote.start(required_walls=("landlock", "no-such"))
    assert "no-such" in refused.value.missing
    assert str(refused.value).endswith("There is no wall called 'no-such'; there are landlock, seccomp, rlimits, uid.")


def test_without_a_required_wall_no_process_is_started(monkeypatch, tmp_path):
    monkeypatch.setattr(
        zygote_module, "probe_walls", lambda: walls_module.Walls(landlock_abi=0, seccomp=True, rlimits=True)
    )
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(sandbox.WallsMissing) as refused:
        sandbox.Zygote.start()
    assert refused.value.missing == ("landlock",)
    assert str(refused.value).startswith(
        "Scripts are refused here, because these required walls of the sandbox are missing: landlock. "
        "Landlock is missing: scripts could read the worker's files."
    )


def test_a_child_that_cannot_close_a_required_door_never_meets_the_script(own_zygote, tmp_path):
    """The probe said yes, the child sees otherwise: the child is believed."""
    own_zygote.required_walls = ("landlock", "a-wall-that-fell-meanwhile")
    folder = sandbox.private_folder(tmp_path, {"script.py": COUNTING})
    with pytest.raises(sandbox.WallsMissing) as refused:
        own_zygote.open(GUEST, folder)
    assert refused.value.missing == ("a-wall-that-fell-meanwhile",)
    assert not folder.exists()


def test_other_systems_have_no_walls(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    walls = walls_module.probe_walls.__wrapped__()
    assert walls.missing(sandbox.DEFAULT_WALLS) == ["landlock", "seccomp", "rlimits"]
    assert all("missing" in sentence for sentence in walls.sentences()[:3])


def test_probing_leaves_the_prober_as_it_was(zygote):
    walls_module.probe_walls.__wrapped__()
    assert Path("/etc/passwd").read_text()
    assert "Seccomp:\t0" in Path("/proc/self/status").read_text()


def test_each_wall_has_its_sentence():
    standing = walls_module.Walls(landlock_abi=7, seccomp=True, rlimits=True, uid=True)
    assert standing.missing(sandbox.WALLS) == []
    assert [sentence.split(":")[0] for sentence in standing.sentences()] == [
        "Files",
        "System calls",
        "Resources",
        "User",
    ]
    assert walls_module.Walls().missing(sandbox.WALLS) == list(sandbox.WALLS)


def test_the_zygote_has_one_thread_when_it_forks(zygote):
    assert "Threads:\t1\n" in Path(f"/proc/{zygote.process_id}/status").read_text()


def test_a_killed_zygote_takes_its_guests_along_and_the_next_open_starts_another(own_zygote, tmp_path):
    guest, never_asked = (
        own_zygote.open(GUEST, sandbox.private_folder(tmp_path, {"script.py": COUNTING})) for _ in range(2)
    )
    killed = own_zygote.process_id
    os.kill(killed, signal.SIGKILL)
    assert is_gone(guest.process_id)
    for _ in range(2):  # told as what it is, and not as the script's end, however often it is asked
        with pytest.raises(sandbox.ZygoteLost, match="the process that it was forked from has died"):
            guest.call("load", {})

    with own_zygote.open(GUEST, sandbox.private_folder(tmp_path, {"script.py": COUNTING})) as next_guest:
        next_guest.call("load", {})
        assert run(next_guest) == 1
        guest.close()
        never_asked.close()  # nobody has heard of its end yet; it must not end the newcomer in its place
        assert run(next_guest) == 1
    assert own_zygote.alive
    assert own_zygote.process_id != killed


def test_stopping_the_zygote_ends_its_guests(tmp_path, zygote):
    with sandbox.Zygote.start(preload=()) as brief:
        guest = brief.open(GUEST, sandbox.private_folder(tmp_path, {"script.py": COUNTING}))
        process = brief.process_id
    assert is_gone(process)
    assert is_gone(guest.process_id)
    guest.close()


def test_the_running_zygote_is_one_and_is_replaced_when_it_has_died(zygote):
    try:
        first = sandbox.running_zygote()
        assert sandbox.running_zygote() is first
        process = first.process_id
        os.kill(process, signal.SIGKILL)
        assert is_gone(process)
        assert sandbox.running_zygote().process_id != process
        assert sandbox.running_zygote().alive
    finally:
        sandbox.stop_running_zygote()


def test_when_its_owner_is_killed_zygote_and_guests_end(tmp_path, zygote):
    """A busy guest: it must not run on, unwatched, when nobody waits for its answer any more."""
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sandbox, sys, pathlib\n"
            "zygote = sandbox.Zygote.start(preload=())\n"
            "folder = sandbox.private_folder(pathlib.Path(sys.argv[1]), {'script.py': b'while True: pass'})\n"
            f"guest = zygote.open('{GUEST}', folder)\n"
            "print(zygote.process_id, guest.process_id, flush=True)\n"
            "guest.call('load', {}, 100)",
            str(tmp_path),
        ],
        cwd=Path(sandbox.__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    processes = [int(word) for word in owner.stdout.readline().split()]
    time.sleep(0.2)
    owner.kill()
    owner.wait()
    assert len(processes) == 2
    assert all(is_gone(process) for process in processes)


def test_guests_are_opened_and_asked_from_several_threads_at_once(zygote, tmp_path):
    answers = []

    def work(number):
        folder = sandbox.private_folder(tmp_path, {"script.py": f"def run(): return {number}".encode()})
        with zygote.open(GUEST, folder) as guest:
            guest.call("load", {})
            answers.extend(run(guest) == number for _ in range(20))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 120


def test_a_guest_module_with_a_fault_is_told_apart_from_a_script_with_a_fault(zygote, tmp_path):
    folder = sandbox.private_folder(tmp_path, {})
    with pytest.raises(sandbox.GuestNotOpened, match=r"No module named 'tests\.sandbox\.not_there'"):
        zygote.open("tests.sandbox.not_there", folder)
    assert not folder.exists()


def test_many_guests_one_after_another_leave_nothing_behind(zygote, tmp_path):
    def count():
        folders = (Path("/proc/self/fd"), Path(f"/proc/{zygote.process_id}/fd"), tmp_path)
        return [len(list(folder.iterdir())) for folder in folders]

    before = count()
    for _ in range(20):
        with zygote.open(GUEST, sandbox.private_folder(tmp_path, {"script.py": COUNTING})) as guest:
            guest.call("load", {})
    assert count() == before
    children = Path(f"/proc/{zygote.process_id}/task/{zygote.process_id}/children")
    assert not children.exists() or str(guest.process_id) not in children.read_text().split()


def test_an_interrupted_call_ends_the_guest_rather_than_mix_up_answers(zygote, tmp_path, monkeypatch):
    folder = sandbox.private_folder(tmp_path, {"script.py": COUNTING})
    with zygote.open(GUEST, folder) as guest:
        monkeypatch.setattr(guest, "_look_after", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        (folder / "script.py").write_bytes(b"import time; time.sleep(5)")
        with pytest.raises(KeyboardInterrupt):
            guest.call("load", {})
        with pytest.raises(sandbox.ScriptKilled, match="a call was broken off"):
            guest.call("load", {})
