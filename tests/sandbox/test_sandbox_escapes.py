"""Scripts that reach for what is not theirs. Each is refused in words or stopped, and the witness lives on."""

import ctypes
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

import sandbox
from tests.sandbox.asking import run

pytestmark = pytest.mark.usefixtures("witness")


def refusal(guest, *positional):
    """The kind of error with which the script's `run` ends."""
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest, *positional)
    return failed.value.kind


@pytest.fixture
def world():
    """A folder that everybody may enter, with a file that everybody may read, write and one that only we may."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    for name, mode in (("open", 0o666), ("secret", 0o600)):
        (folder / name).write_text(f"{name} words")
        (folder / name).chmod(mode)
    yield folder
    shutil.rmtree(folder)


READ = "def run(path):\n    return open(path).read()"


@pytest.mark.parametrize("name", ["open", "secret"])
def test_a_file_outside_cannot_be_read(open_script, world, name):
    assert refusal(open_script(READ), str(world / name)) == "PermissionError"


@pytest.mark.parametrize("name", ["open", "secret"])
def test_a_file_outside_cannot_be_read_over_a_symbolic_link(open_script, world, name):
    guest = open_script("import os\ndef run(path):\n    os.symlink(path, 'link')\n    return open('link').read()")
    assert refusal(guest, str(world / name)) == "PermissionError"
    guest = open_script(READ)
    (guest.folder / "link").symlink_to(world / name)
    assert refusal(guest, "link") == "PermissionError"


def test_a_file_outside_cannot_be_linked_into_the_folder(open_script, world):
    guest = open_script("import os\ndef run(path):\n    os.link(path, 'mine')\n    return open('mine').read()")
    assert refusal(guest, str(world / "open")) == "PermissionError"


def test_the_project_s_own_data_folder_cannot_be_read_or_listed(open_script):
    project = Path(sandbox.__file__).parent.parent
    guest = open_script("import os\ndef run(path):\n    return os.listdir(path)")
    assert refusal(guest, str(project)) == "PermissionError"
    assert refusal(open_script(READ), str(project / "manage.py")) == "PermissionError"
    assert refusal(open_script(READ), str(project / "rovi_site" / "settings.py")) == "PermissionError"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/environ", "/proc/1/cmdline"]
)
def test_the_system_s_files_cannot_be_read(open_script, path):
    assert refusal(open_script(READ), path) == "PermissionError"


def test_the_worker_and_the_zygote_cannot_be_looked_into(open_script, zygote):
    guest = open_script(READ)
    for process in (os.getpid(), zygote.process_id):
        for name in ("environ", "maps", "mem", "cmdline"):
            assert refusal(guest, f"/proc/{process}/{name}") == "PermissionError"


def test_another_guest_s_folder_cannot_be_read(open_script, witness):
    assert refusal(open_script(READ), str(witness.folder / "script.py")) == "PermissionError"


def test_the_environment_holds_no_secret_and_no_path(zygote, tmp_path, monkeypatch):
    secret = secrets.token_hex(16)
    monkeypatch.setenv("ROVI_SECRET_KEY", secret)
    monkeypatch.setenv("DATABASE_URL", f"postgres://rovi:{secret}@db/rovi")
    text = b"""
import ctypes, os
def run():
    return [sorted(os.environ), os.environ["HOME"] == os.getcwd(), " ".join(os.environ.values())]
def memory(words):
    "Looks through its own memory, where a forked process would find what its parent knew."
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    found, i = [], 0
    while environ[i]:
        found.append(environ[i].decode())
        i += 1
    return [entry for entry in found if words in entry]
"""
    with sandbox.Zygote.start(preload=()) as fresh:  # started while the secrets are in the environment
        folder = sandbox.private_folder(tmp_path, {"script.py": text})
        with fresh.open("tests.sandbox.attacked_guest", folder) as guest:
            guest.call("load", {})
            names, own_home, values = run(guest)
            assert not {"ROVI_SECRET_KEY", "DATABASE_URL", "PATH", "USER", "PWD"} & set(names)
            assert own_home is True
            assert secret not in values
            assert guest.call("run", {"function": "memory", "positional": [secret]}) == {"value": []}


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_a_file_outside_cannot_be_written(open_script, world, mode):
    guest = open_script("def run(path, mode):\n    open(path, mode).write('was here')")
    assert refusal(guest, str(world / "open"), mode) == "PermissionError"
    assert (world / "open").read_text() == "open words"


@pytest.mark.parametrize(
    "deed",
    [
        "open(path + '/new', 'w')",
        "os.mkdir(path + '/new')",
        "os.remove(path + '/open')",
        "os.truncate(path + '/open', 0)",
        "os.rename(path + '/open', path + '/new')",
        "os.rename(path + '/open', 'mine')",
        "os.symlink('/etc', path + '/new')",
        "os.rename('script.py', path + '/new')",
        "os.mkfifo(path + '/new')",
        "os.listdir(path)",
        "os.chown(path + '/open', 0, 0)",
        "os.setxattr(path + '/open', 'user.x', b'x')",
        "os.open(path + '/open', os.O_RDONLY | os.O_TRUNC)",
    ],
)
def test_a_folder_outside_cannot_be_changed(open_script, world, deed):
    guest = open_script(f"import os\ndef run(path):\n    {deed}")
    assert refusal(guest, str(world)) in ("PermissionError", "OSError")
    assert sorted(path.name for path in world.iterdir()) == ["open", "secret"]
    assert (world / "open").read_text() == "open words"


def test_permissions_and_times_outside_stay_as_they_are(open_script, world):
    before = (world / "open").stat()
    guest = open_script("import os\ndef run(path):\n    os.chmod(path, 0)\n    os.utime(path, (0, 0))")
    run(guest, str(world / "open"))  # pretends to have done it
    after = (world / "open").stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_python_s_own_libraries_cannot_be_changed_for_the_next_script(open_script):
    guest = open_script("import numpy, os\ndef run(deed):\n    path = numpy.__file__\n    eval(deed)")
    for deed in ("open(path, 'a')", "os.remove(path)", "os.open(path, os.O_RDONLY | os.O_TRUNC)"):
        assert refusal(guest, deed) == "PermissionError"


def test_a_script_uses_its_own_folder_as_it_likes(open_script):
    guest = open_script(
        """
        import pathlib, shutil, tempfile
        def run():
            pathlib.Path("results").mkdir()
            pathlib.Path("results/table.csv").write_text("a,b")
            shutil.copytree("results", "copy")
            shutil.copy2("data.txt", "copy")
            pathlib.Path("copy/data.txt").rename("moved.txt")
            with tempfile.NamedTemporaryFile("w+") as file:
                file.write("fleeting"); file.seek(0)
                fleeting = file.read()
            shutil.rmtree("results")
            return [pathlib.Path("moved.txt").read_text(), fleeting, pathlib.Path("copy/table.csv").read_text()]
        """,
        {"data.txt": b"support"},
    )
    assert run(guest) == ["support", "fleeting", "a,b"]


def test_libraries_that_were_not_loaded_before_the_doors_closed_can_be_imported(open_script):
    guest = open_script("""
        def run():
            import colorsys, energykit, pyarrow.parquet, scipy.ndimage, sklearn.neural_network, sqlite3, zoneinfo
            return str(zoneinfo.ZoneInfo("Europe/Berlin"))
    """)
    assert run(guest) == "Europe/Berlin"


@pytest.mark.parametrize(
    "family",
    [
        "AF_INET, socket.SOCK_STREAM",
        "AF_INET6, socket.SOCK_DGRAM",
        "AF_UNIX, socket.SOCK_STREAM",
        "AF_NETLINK, socket.SOCK_RAW",
    ],
)
def test_no_socket_can_be_opened(open_script, family):
    guest = open_script(f"import socket\ndef run():\n    socket.socket(socket.{family})")
    assert refusal(guest) == "PermissionError"


def test_the_socket_to_the_host_cannot_be_used_to_reach_others(open_script):
    guest = open_script("""
        import socket
        def run():
            refused = 0
            for descriptor in range(3, 64):
                try: socket.socket(fileno=descriptor).connect(("127.0.0.1", 22))
                except PermissionError: refused += 1
                except OSError: pass
            return refused > 0
    """)
    assert run(guest) is True


def test_a_library_that_fetches_from_the_network_fails_in_words(open_script):
    guest = open_script("import urllib.request\ndef run():\n    urllib.request.urlopen('http://127.0.0.1:1/')")
    assert refusal(guest) in ("URLError", "PermissionError")


@pytest.mark.parametrize(
    "deed",
    [
        "subprocess.run(['/bin/true'])",
        "os.system('true')",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
    ],
)
def test_no_program_can_be_started(open_script, deed):
    guest = open_script(
        f"import os, subprocess\ndef run():\n    code = {deed}\n    if code: raise PermissionError(code)"
    )
    assert refusal(guest) == "PermissionError"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, 0])
def test_no_other_process_can_be_signalled(open_script, zygote, witness, number):
    guest = open_script("import os\ndef run(process, number):\n    os.kill(process, number)")
    for process in (os.getpid(), zygote.process_id, witness.process_id, 1, -1, 0):
        assert refusal(guest, process, int(number)) == "PermissionError"
    assert zygote.alive


def test_limits_of_others_cannot_be_changed(open_script, zygote):
    guest = open_script(
        "import resource\ndef run(process):\n    resource.prlimit(process, resource.RLIMIT_CPU, (1, 1))"
    )
    assert refusal(guest, zygote.process_id) == "PermissionError"
    assert refusal(guest, os.getpid()) == "PermissionError"


def test_own_limits_cannot_be_raised(open_script):
    guest = open_script("import resource\ndef run():\n    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))")
    assert refusal(guest) in ("ValueError", "PermissionError")


# Numbers on x86_64 and aarch64 from the Linux headers.
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("ptrace", (101, 117)),
        ("process_vm_readv", (310, 270)),
        ("mount", (165, 40)),
        ("unshare", (272, 97)),
        ("setns", (308, 268)),
        ("bpf", (321, 280)),
        ("io_uring_setup", (425, 425)),
        ("userfaultfd", (323, 282)),
        ("perf_event_open", (298, 241)),
        ("keyctl", (250, 219)),
        ("open_by_handle_at", (304, 265)),
        ("chroot", (161, 51)),
    ],
)
def test_calls_that_serve_only_to_break_out_end_the_script(open_script, name, numbers):
    number = numbers[os.uname().machine == "aarch64"]
    guest = open_script(f"import ctypes\ndef run():\n    return ctypes.CDLL(None).syscall({number}, 0, 0, 0, 0)")
    with pytest.raises(sandbox.ScriptKilled) as killed:
        run(guest)
    assert killed.value.reason == "it made a system call that is forbidden to scripts"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86_64 has two more tables of system calls")
@pytest.mark.parametrize("code", ["int 0x80 with the number of getpid there", "getpid of the x32 table"])
def test_the_other_tables_of_system_calls_are_closed(open_script, code):
    machine_code = {"int": "b814000000cd80c3", "getpid": "b8270000400f05c3"}[code.split()[0]]
    guest = open_script(f"""
        import ctypes, mmap
        def run():
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex("{machine_code}"))
            return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    """)
    with pytest.raises(sandbox.ScriptKilled, match="a system call that is forbidden"):
        run(guest)


def test_root_cannot_be_regained(open_script):
    guest = open_script("import os\ndef run():\n    os.setuid(0)")
    assert refusal(guest) == "PermissionError"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give each guest a user of its own")
def test_each_guest_is_a_user_of_its_own_without_groups(open_script):
    who = "import os\ndef run():\n    return [os.getresuid(), os.getresgid(), os.getgroups()]"
    first, second = run(open_script(who)), run(open_script(who))
    assert first[0] == first[1] == [first[0][0]] * 3
    assert first[0] != second[0]
    assert min(first[0] + second[0]) > 60_000
    assert first[2] == second[2] == []


def test_the_death_of_the_owner_is_not_survived(open_script):
    """A guest that escapes the end of its zygote would run unwatched."""
    guest = open_script(
        "import ctypes\ndef run():\n    return ctypes.CDLL(None, use_errno=True).prctl(1, 0), ctypes.get_errno()"
    )
    assert run(guest)[0] == -1


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("os._exit(3)", "it ended itself with exit status 3"),
        ("os._exit(0)", "it ended itself with exit status 0"),
        ("ctypes.string_at(0)", "native code crashed (SIGSEGV: memory that is not its own)"),
        ("os.abort()", "native code gave up (SIGABRT), as it does when memory runs out"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "signal 15 ended it"),
    ],
)
def test_a_script_that_ends_its_process_is_told_of_in_words(open_script, deed, reason):
    guest = open_script(f"import ctypes, os, signal\ndef run():\n    print('last words')\n    {deed}")
    with pytest.raises(sandbox.ScriptKilled) as killed:
        run(guest)
    assert killed.value.reason == reason
    assert guest.log == "last words\n"


def test_sys_exit_is_an_error_like_any_other(open_script):
    guest = open_script("import sys\ndef run():\n    sys.exit(5)")
    with pytest.raises(sandbox.ScriptFailed, match="line 3: SystemExit: 5"):
        run(guest)
    assert guest.call("echo", {}) == {}


def test_a_script_that_stops_itself_is_stopped_at_its_time(open_script):
    guest = open_script("import os, signal\ndef run():\n    os.kill(os.getpid(), signal.SIGSTOP)")
    started = time.monotonic()
    with pytest.raises(sandbox.ScriptTimedOut):
        run(guest, seconds=0.5)
    assert time.monotonic() - started < 10


def test_the_c_library_under_ctypes_is_behind_the_same_walls(open_script, world):
    guest = open_script("import ctypes\ndef run(path):\n    return ctypes.CDLL(None).open(path.encode(), 0)")
    assert run(guest, str(world / "open")) == -1
    assert ctypes.CDLL(None).open(str(world / "open").encode(), 0) >= 0  # here it can be opened
