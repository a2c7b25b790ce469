"""Scripts that take too much: time, memory, threads, files, disk, words. Each is contained, the witness lives on."""

import time

import pytest

import sandbox
from tests.sandbox.asking import run

pytestmark = pytest.mark.usefixtures("witness")


def test_an_endless_loop_is_stopped_at_its_time(open_script):
    guest = open_script("def run():\n    while True: pass")
    with pytest.raises(sandbox.ScriptTimedOut) as stopped:
        run(guest, seconds=0.5)
    assert str(stopped.value) == "The script did not answer within 0.5 s and was stopped."
    with pytest.raises(sandbox.ScriptKilled, match="an earlier call ended it"):
        run(guest)


def test_an_endless_loop_while_loading_is_stopped(open_script):
    guest = open_script("while True: pass", load=False)
    with pytest.raises(sandbox.ScriptTimedOut):
        guest.call("load", {}, seconds=0.5)


def test_sleeping_for_ever_is_stopped_at_its_time(open_script):
    guest = open_script("import time\ndef run():\n    time.sleep(1e9)")
    with pytest.raises(sandbox.ScriptTimedOut):
        run(guest, seconds=0.3)


def test_a_loop_that_swallows_every_exception_and_signal_is_stopped(open_script):
    guest = open_script("""
        import signal
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        def run():
            while True:
                try:
                    while True: pass
                except BaseException: pass
    """)
    with pytest.raises(sandbox.ScriptTimedOut):
        run(guest, seconds=0.5)


def test_a_script_does_not_work_between_calls(open_script):
    guest = open_script("""
        import threading, time
        counted = 0
        def count():
            global counted
            while True:
                counted += 1
                time.sleep(0.001)
        threading.Thread(target=count, daemon=True).start()
        def run(): return counted
    """)
    first = run(guest)
    time.sleep(0.5)
    assert run(guest) - first < 50  # half a second of counting would be some 400


def test_processor_time_over_the_whole_life_is_bounded(open_script):
    guest = open_script("def run():\n    while True: pass", cpu_seconds=1)
    with pytest.raises(sandbox.ScriptKilled) as killed:
        run(guest, seconds=20)
    assert killed.value.reason == "it used up its 1 s of processor time"


def test_a_memory_bomb_of_python_objects_fails_at_its_line_and_the_script_can_be_asked_again(open_script):
    guest = open_script(
        """
        def run(bomb=True):
            kept = []
            while bomb:
                kept.append(bytearray(10_000_000))
            return "alive"
        """,
        memory_bytes=256 * 2**20,
    )
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest)
    assert (failed.value.kind, failed.value.line) == ("MemoryError", 5)
    assert run(guest, False) == "alive"


def test_a_memory_bomb_of_arrays_is_contained(open_script):
    guest = open_script("import numpy\ndef run():\n    return numpy.ones(2**40)")
    with pytest.raises(sandbox.ScriptFailed, match=r"line 3: MemoryError: Unable to allocate 8\.00 TiB"):
        run(guest)


def test_a_memory_bomb_of_small_objects_is_contained(open_script):
    guest = open_script(
        """
        def run():
            chain = ()
            kept = {}
            while True:
                chain = (chain,)
                kept[id(chain)] = [chain] * 50
        """,
        memory_bytes=128 * 2**20,
    )
    with pytest.raises((sandbox.ScriptFailed, sandbox.ScriptKilled)) as stopped:
        run(guest)
    if isinstance(stopped.value, sandbox.ScriptFailed):
        assert stopped.value.kind == "MemoryError"
    else:
        assert stopped.value.reason == "its memory was used up"


def test_memory_beside_the_address_space_cannot_be_taken(open_script):
    guest = open_script("""
        import ctypes, os
        def run():
            libc = ctypes.CDLL(None, use_errno=True)
            refused = []
            for name, call in {
                "memfd": lambda: os.memfd_create("x"),
                "shm": lambda: os.open("/dev/shm/x", os.O_CREAT | os.O_RDWR),
            }.items():
                try: call()
                except OSError: refused.append(name)
            if libc.shmget(0, 2**20, 0o1600) == -1: refused.append("shmget")
            if libc.mmap(None, 4096, 3, 0x8000 | 0x22, -1, 0) in (-1, 2**32 - 1): refused.append("populate")
            return refused
    """)
    assert run(guest)[:3] == ["memfd", "shm", "shmget"]


def test_a_fork_bomb_gets_no_child(open_script):
    guest = open_script("import os\ndef run():\n    while True: os.fork()")
    with pytest.raises(sandbox.ScriptFailed, match=r"^line 3: PermissionError: \[Errno 1\] Operation not permitted$"):
        run(guest)


def test_multiprocessing_gets_no_child(open_script):
    guest = open_script("""
        import multiprocessing
        def run():
            multiprocessing.get_context("fork").Process(target=print).start()
    """)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest)
    assert failed.value.kind in ("PermissionError", "OSError")


def test_a_thread_bomb_gets_a_bounded_number_of_threads(open_script):
    guest = open_script(
        """
        import threading, time
        def run():
            stop = threading.Event()
            count = 0
            try:
                while True:
                    threading.Thread(target=stop.wait, daemon=True).start()
                    count += 1
            except RuntimeError as error:
                while count > 8: time.sleep(1)  # too many: be seen
                stop.set()
                return [count, str(error)]
        """,
        threads=8,
    )
    if "uid" in guest.walls:
        assert run(guest) == [8, "can't start new thread"]
    else:
        with pytest.raises(sandbox.ScriptKilled, match="it started more than 8 threads"):
            run(guest)


def test_running_out_of_file_descriptors_is_the_script_s_own_error(open_script):
    guest = open_script("""
        def run():
            kept = []
            while True: kept.append(open("script.py"))
    """)
    with pytest.raises(sandbox.ScriptFailed, match="Too many open files"):
        run(guest)
    assert guest.call("echo", {"still": "there"}) == {"still": "there"}


def test_one_huge_file_is_stopped_at_its_limit(open_script):
    guest = open_script(
        """
        def run():
            with open("huge", "wb") as file:
                while True: file.write(bytes(2**20))
        """,
        disk_bytes=8 * 2**20,
    )
    with pytest.raises(sandbox.ScriptFailed, match="File too large"):
        run(guest)
    assert (guest.folder / "huge").stat().st_size == 8 * 2**20


def test_many_files_are_stopped_at_the_folder_s_limit(open_script):
    guest = open_script(
        """
        def run():
            number = 0
            while True:
                number += 1
                with open(f"part{number}", "wb") as file:
                    file.write(bytes(2**20))
        """,
        disk_bytes=32 * 2**20,
    )
    folder = guest.folder
    with pytest.raises(sandbox.ScriptKilled) as killed:
        run(guest)
    assert killed.value.reason == "its folder holds more than the 32 MiB that it may"
    guest.close()
    assert not folder.exists()


def test_many_empty_files_are_stopped_too(open_script):
    guest = open_script(
        "def run():\n    number = 0\n    while True:\n        open(str(number), 'w').close()\n        number += 1",
        disk_entries=500,
    )
    with pytest.raises(sandbox.ScriptKilled, match="it made more than 500 files and folders"):
        run(guest)


def test_files_written_in_many_quick_calls_are_counted_too(open_script):
    guest = open_script(
        """
        import os
        def run():
            with open(os.urandom(8).hex(), "wb") as file: file.write(bytes(2**20))
        """,
        disk_bytes=32 * 2**20,
    )
    with pytest.raises(sandbox.ScriptKilled, match="its folder holds more than the 32 MiB that it may"):
        repeat(guest)


def repeat(guest):
    while True:
        run(guest)


def test_folders_nested_deeper_than_a_path_can_say_are_stopped_and_removed(open_script):
    guest = open_script("""
        import os
        def run():
            while True:
                os.mkdir("d" * 100, 0)
                os.mkdir("e" * 100)
                os.chdir("e" * 100)
    """)
    folder = guest.folder
    with pytest.raises(sandbox.ScriptKilled, match=r"its folder cannot be looked into|it made more than"):
        run(guest)
    guest.close()
    assert not folder.exists()


def test_disk_space_cannot_be_reserved_past_the_size_of_files(open_script):
    guest = open_script("""
        import ctypes, os
        def run():
            file = os.open("reserved", os.O_CREAT | os.O_RDWR)
            libc = ctypes.CDLL(None, use_errno=True)
            return libc.fallocate(file, 1, ctypes.c_long(0), ctypes.c_long(10**9)), ctypes.get_errno()
    """)
    assert run(guest) == [-1, 38]  # ENOSYS


def test_a_gigabyte_of_output_is_read_and_dropped_and_the_newest_part_is_kept(open_script):
    guest = open_script(
        """
        import sys
        def run():
            for _ in range(1024): sys.stdout.write("x" * 2**20)
            print("the end")
            return "done"
        """,
        call_seconds=60,
    )
    assert run(guest) == "done"
    dropped = 2**30 + len("the end\n") - 64 * 2**10
    assert guest.log == f"[… {dropped} bytes left out …]\n" + "x" * (64 * 2**10 - 8) + "the end\n"


def test_output_without_end_is_stopped_at_its_time(open_script):
    guest = open_script("def run():\n    while True: print('more')")
    with pytest.raises(sandbox.ScriptTimedOut):
        run(guest, seconds=0.5)
    assert guest.log.endswith("more\n")


def test_a_large_answer_is_refused(open_script):
    guest = open_script("import numpy\ndef run():\n    return numpy.zeros(2**18)", answer_bytes=2**20)
    with pytest.raises(sandbox.TooMuchOutput, match="of which 1048576 are allowed"):
        run(guest)
    assert not guest.alive


def test_an_answer_said_to_have_a_gigabyte_is_refused_before_memory_is_set_aside(open_script):
    guest = open_script("""
        import os, struct
        def run():
            for descriptor in range(3, 64):
                try: os.write(descriptor, struct.pack("<Q", 2**30))
                except OSError: pass
            while True: pass
    """)
    with pytest.raises(sandbox.TooMuchOutput) as refused:
        run(guest)
    assert refused.value.size == 2**30


def test_an_answer_that_fills_the_guest_s_memory_is_its_own_error(open_script):
    guest = open_script("import numpy\ndef run():\n    return numpy.zeros(2**23)", memory_bytes=96 * 2**20)
    with pytest.raises(sandbox.ScriptFailed, match="MemoryError"):
        run(guest)
    assert guest.call("echo", {}) == {}
