"""The filter of system calls, run by a small interpreter of its instructions, for both architectures."""

import errno

import pytest

from sandbox.seccomp import filter_program
from sandbox.syscalls import ALLOWED, CHECKED, KILLED, NOT_THERE, PRETENDED

ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OWN = 4711
ALLOW, KILL, REFUSE, UNKNOWN, PRETEND = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x50000


def decide(machine, number, *arguments, architecture=None):
    """What the kernel would do: classic BPF as in linux/filter.h, on the fields of struct seccomp_data."""
    words = {0: number, 4: ARCHITECTURE[machine] if architecture is None else architecture}
    words |= {16 + 8 * place: argument & 0xFFFFFFFF for place, argument in enumerate(arguments)}
    at = accumulator = 0
    program = filter_program(machine, OWN)
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        if code == 0x20:
            accumulator = words[constant]
        elif code == 0x06:
            return constant
        else:
            test = {
                0x15: accumulator == constant,
                0x35: accumulator >= constant,
                0x45: accumulator & constant != 0,
            }[code]
            at += if_true if test else if_false


@pytest.mark.parametrize(
    ("call", "x86_64", "aarch64", "arguments", "decision"),
    [
        ("read", 0, 63, (), ALLOW),
        ("mmap", 9, 222, (), ALLOW),
        ("futex", 202, 98, (), ALLOW),
        ("openat to read", 257, 56, (0, 0, 0), ALLOW),
        ("openat to write", 257, 56, (0, 0, 0o1 | 0o100 | 0o1000), ALLOW),
        ("openat to read and cut", 257, 56, (0, 0, 0o1000), REFUSE),
        ("clone of a thread", 56, 220, (0x3D0F00,), ALLOW),
        ("clone of a process", 56, 220, (0x1200011,), REFUSE),
        ("clone of a thread in a new namespace", 56, 220, (0x3D0F00 | 0x20000,), REFUSE),
        ("clone3", 435, 435, (), UNKNOWN),
        ("socket", 41, 198, (), REFUSE),
        ("connect", 42, 203, (), REFUSE),
        ("execve", 59, 221, (), REFUSE),
        ("memfd_create", 319, 279, (), REFUSE),
        ("kill oneself", 62, 129, (OWN, 9), ALLOW),
        ("kill another", 62, 129, (OWN + 1, 9), REFUSE),
        ("kill all", 62, 129, (-1, 9), REFUSE),
        ("tgkill another", 234, 131, (OWN + 1, OWN, 9), REFUSE),
        ("prlimit of oneself", 302, 261, (0, 7), ALLOW),
        ("prlimit of another", 302, 261, (1, 7), REFUSE),
        ("fcntl of flags", 72, 25, (0, 3), ALLOW),
        ("fcntl of the owner", 72, 25, (0, 8), REFUSE),
        ("ioctl: is it a terminal", 16, 29, (0, 0x5401), ALLOW),
        ("ioctl: type into a terminal", 16, 29, (0, 0x5412), REFUSE),
        ("prctl: name", 157, 167, (15,), ALLOW),
        ("prctl: signal at the parent's death", 157, 167, (1,), REFUSE),
        ("fchmodat", 268, 53, (), PRETEND),
        ("ptrace", 101, 117, (), KILL),
        ("io_uring_setup", 425, 425, (), KILL),
        ("a call of the future", 999, 999, (), UNKNOWN),
    ],
)
def test_each_call_meets_the_same_decision_on_both_architectures(call, x86_64, aarch64, arguments, decision):
    assert decide("x86_64", x86_64, *arguments) == decision
    assert decide("aarch64", aarch64, *arguments) == decision


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_calls_by_another_architecture_s_numbers_end_the_process(machine):
    assert decide(machine, 0, architecture=0x40000003) == KILL  # i386
    assert decide(machine, 0, architecture=0x40000028) == KILL  # arm


def test_the_x32_table_is_closed():
    assert decide("x86_64", 0x40000000) == KILL


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_no_number_stands_in_two_lists(column):
    numbers = [
        row[column]
        for table in (ALLOWED, CHECKED, KILLED, NOT_THERE, PRETENDED)
        for row in table.values()
        if row[column] is not None
    ]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_fits_the_kernel(machine):
    program = filter_program(machine, OWN)
    assert len(program) <= 4096
    assert max(max(if_true, if_false) for _, if_true, if_false, _ in program) <= 255
    assert program[-1][0] == 0x06
