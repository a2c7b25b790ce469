"""What a script leaves behind for the next one, in caches, shared memory, folders and loaded libraries: nothing."""

import pytest

import sandbox
from tests.sandbox.asking import run

# Places where libraries keep what they would read again, and where every process of the machine may write.
PLACES = (
    "/tmp/left-by-a-script", "/var/tmp/left-by-a-script", "/dev/shm/left-by-a-script", "/run/left-by-a-script",
    "{numpy}/__pycache__/left.pyc", "{numpy}/left.py", "{site}/sitecustomize.py", "{site}/left.pth",
    "{stdlib}/__pycache__/colorsys.cpython-{version}.pyc", "{zygote}/left", "/root/.cache/left", "/etc/matplotlibrc",
)  # fmt: skip

LEAVES = """
import ctypes, os, sys, sysconfig, tempfile
import numpy
places = {
    "numpy": os.path.dirname(numpy.__file__), "site": sysconfig.get_path("purelib"),
    "stdlib": sysconfig.get_path("stdlib"), "version": "%d%d" % sys.version_info[:2],
    "zygote": os.path.dirname(os.getcwd()),
}
def write(place):
    with open(place.format(**places), "w") as file:
        file.write("left")
def own_caches():
    "Where each library is told to keep what it keeps, and whether a file can be left there."
    found = {}
    for name in ("HOME", "TMPDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "JOBLIB_TEMP_FOLDER"):
        path = os.path.join(os.environ[name], "left-in-" + name)
        open(path, "w").close()
        found[name] = os.path.realpath(os.environ[name])
    return [found, tempfile.gettempdir(), os.getcwd(), sys.dont_write_bytecode]
def spoil():
    "What is loaded is shared with the process that the next script is forked from, until it is written to."
    import json, math
    numpy.mean = lambda *_: 666.0
    math.pi = 3.0
    json.loads = None
    sys.modules["colorsys"] = None
    numbers = (ctypes.c_char * 28).from_address(id(7))
    numbers[24:25] = b"\\x08"  # the number 7, as every Python code finds it, is 8 from here on
    os.environ["HOME"] = "/"
    return "spoilt"
"""
LOOKS = """
import json, math, os
import colorsys, numpy
def run():
    return [float(numpy.mean([1.0, 3.0])), math.pi, json.loads("[7]"), 3 + 4, os.listdir(),
            os.environ["HOME"] == os.getcwd()]
"""


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_the_next_script_reads_cannot_be_written(open_script, place):
    guest = open_script(LEAVES)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        guest.call("run", {"function": "write", "positional": [place]})
    assert failed.value.kind in ("PermissionError", "FileNotFoundError", "OSError")


def test_each_script_has_caches_of_its_own_that_go_with_it(open_script):
    guest = open_script(LEAVES)
    caches, temporary, folder, no_bytecode = guest.call("run", {"function": "own_caches"})["value"]
    assert set(caches.values()) == {folder} == {temporary}
    assert no_bytecode is True
    guest.close()
    assert not guest.folder.exists()


def test_what_a_script_does_to_loaded_libraries_stays_in_its_process(open_script):
    bystander = open_script(LOOKS)
    guest = open_script(LEAVES)
    assert guest.call("run", {"function": "spoil"})["value"] == "spoilt"
    newcomer = open_script(LOOKS)
    for script in (bystander, newcomer):
        assert run(script) == [2.0, 3.141592653589793, [7], 7, ["script.py"], True]
