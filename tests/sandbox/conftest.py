"""One zygote for all tests of the sandbox, scripts opened from text, and a witness that must outlive every attack."""

import textwrap

import pytest

import sandbox

GUEST = "tests.sandbox.attacked_guest"


@pytest.fixture(scope="session")
def zygote():
    walls = sandbox.probe_walls()
    if missing := walls.missing(sandbox.DEFAULT_WALLS):
        pytest.skip("this kernel lacks walls of the sandbox: " + ", ".join(missing))
    with sandbox.Zygote.start() as running:
        yield running


@pytest.fixture
def open_script(zygote, tmp_path):
    """`open_script(text, files={}, **limits)`: a guest that has loaded the text as its script."""
    opened = []

    def open_it(text, files=None, load=True, **limits):
        folder = sandbox.private_folder(tmp_path, {"script.py": textwrap.dedent(text).encode(), **(files or {})})
        guest = zygote.open(GUEST, folder, sandbox.Limits(**{"call_seconds": 20.0, **limits}))
        opened.append(guest)
        if load:
            guest.call("load", {})
        return guest

    yield open_it
    for guest in opened:
        guest.close()


@pytest.fixture
def witness(open_script):
    """Another script, there before the attack; whatever happens, it still counts afterwards."""
    guest = open_script("""
        count = 0
        def run():
            global count
            count += 1
            return count
    """)
    assert guest.call("run", {}) == {"value": 1}
    yield guest
    assert guest.call("run", {}) == {"value": 2}
