"""What crosses between host and script: plain data and arrays, errors with their line, and nothing that bites."""

import numpy as np
import pytest

import sandbox
from tests.sandbox.asking import run

pytestmark = pytest.mark.usefixtures("witness")


def test_plain_data_and_arrays_come_back_as_they_went(open_script):
    guest = open_script("")
    sent = {
        "none": None,
        "true": True,
        "integer": -(2**63),
        "float": 0.1,
        "text": "α/β",
        "bytes": b"\x00\xff",
        "list": [1, [2.5, "x"], {"deep": []}],
        "doubles": np.array([[1.5, np.nan], [np.inf, -0.0]]),
        "integers": np.arange(6, dtype=np.int32).reshape(1, 2, 3),
        "flags": np.array([True, False]),
        "texts": np.array(["one", None, "drei"], dtype=object),
        "nothing": np.empty((0, 3)),
    }
    back = guest.call("echo", sent)
    assert list(back) == list(sent)
    for name, value in sent.items():
        if isinstance(value, np.ndarray):
            assert back[name].dtype == value.dtype
            assert back[name].shape == value.shape
            assert back[name].flags.writeable
            np.testing.assert_array_equal(back[name], value)
        else:
            assert back[name] == value
            assert type(back[name]) is type(value)


def test_numbers_of_numpy_come_back_as_plain_numbers(open_script):
    guest = open_script("""
        import numpy
        def run():
            return [numpy.float64(1.5), numpy.int8(-3), numpy.bool_(True), (1, 2), numpy.float32(0.5), numpy.str_("x")]
    """)
    answer = run(guest)
    assert answer == [1.5, -3, True, [1, 2], 0.5, "x"]
    assert [type(value) for value in answer] == [float, int, bool, list, float, str]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("object()", "a value of type builtins.object is not plain data"),
        ("lambda: 0", "a value of type builtins.function is not plain data"),
        ("{1, 2}", "a value of type builtins.set is not plain data"),
        ("1j", "a value of type builtins.complex is not plain data"),
        ("numpy.array([object()])", "an array of objects holds something other than text"),
        ("numpy.zeros(2, dtype=complex)", "an array of type complex128 with 1 dimensions cannot be sent"),
        (
            "numpy.array(['2026-01-01'], dtype='datetime64[D]')",
            "an array of type datetime64[D] with 1 dimensions cannot be sent",
        ),
        ("{1: 2}", "the message cannot be read (ValueError: int is not allowed for map key when strict_map_key=True)"),
        ("pandas.DataFrame({'a': [1]})", "a value of type pandas.core.frame.DataFrame is not plain data"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_its_type(open_script, value, reason):
    guest = open_script(f"import numpy, pandas\ndef run():\n    return {value}")
    with pytest.raises(sandbox.BadAnswer) as refused:
        run(guest)
    assert refused.value.reason == reason
    assert not guest.alive


def test_an_answer_that_is_no_map_is_refused(open_script):
    guest = open_script("def run():\n    return 5")
    with pytest.raises(sandbox.BadAnswer, match="int where a dict was expected"):
        guest.call("as_it_is", {})


def test_a_value_that_contains_itself_is_refused(open_script):
    guest = open_script("def run():\n    ring = []\n    ring.append(ring)\n    return ring")
    with pytest.raises(sandbox.BadAnswer):
        run(guest)


def test_an_object_with_a_biting_reduce_is_never_unpickled(open_script, tmp_path):
    bitten = tmp_path / "bitten"
    script = f"""
        import os, pickle, msgpack
        class Biting:
            def __reduce__(self): return (os.mkdir, ({str(bitten)!r},))
        def run(how):
            if how == "object": return Biting()
            if how == "array":
                import numpy
                return numpy.array([Biting()], dtype=object)
            data = pickle.dumps(Biting())
            return data if how == "bytes" else msgpack.ExtType(1, data)
    """
    for how in ("object", "array", "extension"):
        with pytest.raises(sandbox.BadAnswer):
            run(open_script(script), how)
    assert isinstance(run(open_script(script), "bytes"), bytes)  # bytes are just bytes
    assert not bitten.exists()


SAYING_BYTES = """
    import os, struct
    def run(message):
        for descriptor in range(3, 64):
            try: os.write(descriptor, struct.pack("<Q", len(message)) + message)
            except OSError: pass
        while True: pass
"""


@pytest.mark.parametrize(
    "message",
    [
        b"\xc1",
        b"\x80",
        b"garbage",
        b"\x93" * 20_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x82\xa4call\x02\xa6result\x05",
        b"\x82\xa4call\x01\xa6result\x80",
        b"\x91" * 500 + b"\xc0",
        b"\x82\xa4call\x02\xa6result\x81\x05\x06",
        b"\x82\xa4call\x02\xa6result\xd8\x01" + bytes(16),
        b"\x82\xa4call\x02\xa6result\x81\xa1a\xd5\x07..",
        b"\x82\xa4call\x02\xa6result\x81\xa1\xff\x00",
    ],
    ids=repr,
)
def test_bytes_that_are_no_answer_are_refused(open_script, message):
    guest = open_script(SAYING_BYTES)
    with pytest.raises(sandbox.BadAnswer):
        run(guest, message)
    assert not guest.alive


def test_more_words_than_were_asked_for_are_refused(open_script):
    guest = open_script("""
        import os, struct, msgpack
        def run():
            message = msgpack.packb({"call": 3, "result": {"value": "forged"}})
            for descriptor in range(3, 64):
                try: os.write(descriptor, struct.pack("<Q", len(message)) + message)
                except OSError: pass
            return "honest"
    """)
    with pytest.raises(sandbox.BadAnswer, match=r"it answers another question than was asked|it says more"):
        run(guest)


def test_arguments_that_are_not_plain_data_are_the_caller_s_error_and_leave_the_guest_alive(open_script):
    guest = open_script("")
    with pytest.raises(
        TypeError, match=r"The arguments of 'echo' cannot be sent to a guest: a value of type builtins\.object"
    ):
        guest.call("echo", {"x": object()})
    assert guest.call("echo", {"x": 1}) == {"x": 1}


def test_an_error_tells_its_line_kind_message_and_traceback_without_our_frames(open_script):
    guest = open_script("""
        import json

        def run():
            return inner("{not json")

        def inner(text):
            return json.loads(text)
    """)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest)
    assert (failed.value.kind, failed.value.line) == ("JSONDecodeError", 8)
    assert failed.value.message == "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    first, place, code, *_ = failed.value.traceback_text.splitlines()
    assert (first, place, code) == (
        "Traceback (most recent call last):",
        '  File "script.py", line 5, in run',
        '    return inner("{not json")',
    )
    assert "sandbox" not in failed.value.traceback_text


def test_a_syntax_error_tells_its_line(open_script):
    guest = open_script("x = 1\ny = = 2\n", load=False)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        guest.call("load", {})
    assert (failed.value.kind, failed.value.line) == ("SyntaxError", 2)
    assert "y = = 2" in failed.value.traceback_text


def test_an_error_while_loading_tells_its_line_and_the_script_can_be_loaded_again(open_script):
    guest = open_script("import os\n\nraise ValueError('not today')\n", load=False)
    for _ in range(2):
        with pytest.raises(sandbox.ScriptFailed, match=r"^line 3: ValueError: not today$"):
            guest.call("load", {})


@pytest.mark.parametrize("text", ["import not_there", "import script_neighbour"])
def test_an_error_in_a_neighbour_tells_the_line_of_the_script_that_led_there(open_script, text):
    guest = open_script(f"# first\n{text}\n", {"script_neighbour.py": b"1 / 0\n"}, load=False)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        guest.call("load", {})
    assert failed.value.line == 2
    assert failed.value.kind in ("ModuleNotFoundError", "ZeroDivisionError")


def test_an_exception_that_bites_when_it_is_shown_is_told_of_all_the_same(open_script):
    guest = open_script("""
        class Biting(Exception):
            def __str__(self): raise SystemExit("gotcha")
        def run(): raise Biting
    """)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest)
    assert (failed.value.kind, failed.value.line) == ("Biting", 4)
    assert failed.value.message == "(its message cannot be shown: SystemExit)"


def test_endless_recursion_is_the_script_s_own_error(open_script):
    guest = open_script("def run(): return run()")
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest)
    assert (failed.value.kind, failed.value.line) == ("RecursionError", 1)


def test_an_exceptions_huge_message_is_cut(open_script):
    guest = open_script("def run(): raise ValueError('x' * 10_000_000)", answer_bytes=1000)
    with pytest.raises(sandbox.ScriptFailed) as failed:
        run(guest)
    assert failed.value.message == "x" * 4_000
    assert len(failed.value.traceback_text) < 20_000


def test_what_is_printed_is_kept_also_when_the_script_replaces_its_streams(open_script):
    guest = open_script("""
        import os, sys
        print("loaded")
        def run():
            print("asked", file=sys.stderr)
            sys.stdout = sys.stderr = None
            os.write(1, b"raw\\n")
            os.close(1); os.close(2)
            return "fine"
    """)
    assert run(guest) == "fine"
    assert guest.log == "loaded\nasked\nraw\n"
    assert guest.call("echo", {}) == {}


def test_objects_of_the_script_s_own_classes_can_be_pickled_inside(open_script):
    guest = open_script("""
        import pickle
        class Own:
            def __init__(self): self.value = 7
        def run(): return [pickle.loads(pickle.dumps(Own())).value, Own.__module__]
    """)
    assert run(guest) == [7, "uploaded_script"]


def test_two_guests_draw_different_random_numbers(open_script):
    draw = "import numpy, random\ndef run():\n    return [float(numpy.random.normal()), random.random()]"
    first, second = run(open_script(draw)), run(open_script(draw))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_neighbours_are_found_by_import_and_by_name(open_script):
    guest = open_script(
        "import physics\ndef run():\n    return [physics.r0, open('weights.txt').read()]",
        {"physics.py": b"r0 = 0.01", "weights.txt": b"1 2 3"},
    )
    assert run(guest) == [0.01, "1 2 3"]
