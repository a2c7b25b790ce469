"""Closing the doors: what a forked child does to itself before it reads the first byte of a stranger's script."""

from __future__ import annotations

import os
import resource
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import kernel
from sandbox.landlock import close_files, landlock_abi
from sandbox.limits import Limits
from sandbox.seccomp import close_system_calls

# What numerical libraries look at beside Python's own folders: shared objects, time zones, and how the machine is made.
_SYSTEM_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/zero", "/sys/devices/system/cpu/online")
_DEVICES = ("/dev/null",)
_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Closed:
    """Which walls stand around the process that asked for them."""

    landlock: bool
    seccomp: bool
    rlimits: bool
    uid: bool

    def names(self) -> list[str]:
        return [name for name in ("landlock", "seccomp", "rlimits", "uid") if getattr(self, name)]


def guest_environment(folder: Path) -> dict[str, str]:
    """All that a script finds in os.environ. Caches of libraries go into its own folder, so that none is shared."""
    own = str(folder)
    return {
        "HOME": own,
        "TMPDIR": own,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLCONFIGDIR": own,
        "NUMBA_CACHE_DIR": own,
        "XDG_CACHE_HOME": own,
        "JOBLIB_TEMP_FOLDER": own,
        "MPLBACKEND": "Agg",
        **SINGLE_THREADED,
    }


# The libraries' pools of threads would have to be forked, counted and paid for; a guest computes on one core.
SINGLE_THREADED: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NUMEXPR_MAX_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # or importing pyarrow starts a thread, and a fork would lose it
}


def close_doors(folder: Path, limits: Limits, uid: int | None) -> Closed:
    """Closes all that this kernel and user allow, in the order in which each step is still permitted.

    `folder` is the working folder from then on and the only one that can be written. `uid` is the unprivileged user to
    become; None to stay. The caller checks the result against what is required.
    """
    os.umask(0o077)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(guest_environment(folder))
    readable = readable_paths(folder)
    with_landlock = landlock_abi() > 0

    _volunteer_for_the_killer_of_memory_hogs()
    rlimits = _succeeds(lambda: _close_resources(limits, counts_threads=uid is not None))
    if uid is not None:
        _become(uid, folder, keep_reading=with_landlock and not _others_can_read([*readable, folder.parent]))
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)  # cleared by a change of user, so it comes after
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    files = [*readable, *map(Path, _SYSTEM_FILES)]
    landlock = with_landlock and _succeeds(lambda: close_files(files, [folder], map(Path, _DEVICES)))
    seccomp = kernel.IS_KNOWN and _succeeds(close_system_calls)
    return Closed(landlock, seccomp, rlimits, uid is not None)


def _succeeds(close: Callable[[], None]) -> bool:
    """A door that this kernel cannot close stays open, is told of, and is weighed by who asked."""
    try:
        close()
    except OSError:
        return False
    return True


def readable_paths(folder: Path) -> list[Path]:
    """Folders of libraries: those on sys.path, and those of packages that are already imported from elsewhere.

    The project's root is left out, and any folder that holds the guest's: data may lie beside code there.
    """
    found = {Path(name) for name in _SYSTEM_FOLDERS}
    found |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {Path(entry).resolve() for entry in sys.path if entry}
    for name, module in list(sys.modules.items()):
        if "." not in name and not name.startswith("__"):
            found |= {Path(part).resolve() for part in getattr(module, "__path__", ())}
    return sorted(found - {_PROJECT, folder, *folder.parents})


def can_become(uid: int) -> bool:
    return kernel.IS_KNOWN and os.geteuid() == 0 and _is_mapped(uid)


def unprivileged_uids() -> range:
    """Users that nobody is: high ones, or in a container with few users those of Debian's dynamic range."""
    return range(200_000, 300_000) if _is_mapped(299_999) else range(61_200, 65_500)


def _is_mapped(uid: int) -> bool:
    try:
        lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    spans = [(int(first), int(length)) for first, _, length in (line.split() for line in lines)]
    return any(first <= uid < first + length for first, length in spans)


def _close_resources(limits: Limits, counts_threads: bool) -> None:
    page = resource.getpagesize()
    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * page
    bounds = {
        resource.RLIMIT_AS: taken + limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.disk_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }
    if counts_threads:  # the kernel counts by user, so only where each guest is a user of its own
        bounds[resource.RLIMIT_NPROC] = limits.threads + 1
    for which, bound in bounds.items():
        hard = resource.getrlimit(which)[1]
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(which, (allowed, allowed))


def _become(uid: int, folder: Path, keep_reading: bool) -> None:
    """Gives up root. Where Python or the folder lie in a folder closed to others (such as /root), one capability stays:
    to read past permissions, which Landlock then bounds to the same few folders.
    """
    for entry in [folder, *folder.rglob("*")]:
        os.chown(entry, uid, uid, follow_symlinks=False)
    os.setgroups([])
    if keep_reading:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.keep_only_capabilities(1 << kernel.CAP_DAC_READ_SEARCH if keep_reading else 0)


def _others_can_read(folders: list[Path]) -> bool:
    steps = {step for folder in folders if folder.exists() for step in (folder, *folder.parents)}
    samples = (Path(os.__file__), Path(__file__))  # a strict umask while installing closes files, not only folders
    return all(step.stat().st_mode & 0o001 for step in steps) and all(file.stat().st_mode & 0o004 for file in samples)


def _volunteer_for_the_killer_of_memory_hogs() -> None:
    """When the machine runs out of memory, a guest goes first."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:
        return
