"""What tests that are fed by hypothesis share: how many examples, and values that no client should send."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LONG = [pytest.mark.long, pytest.mark.timeout(3600)]


def numbers_of_examples(short: int, long: int) -> Any:
    """Runs a test with few examples, the same at each run, and behind the marker `long` with many, new ones each."""
    return pytest.mark.parametrize(
        "examples", [pytest.param(short, id="short"), pytest.param(long, marks=LONG, id="long")]
    )


def for_each(examples: int, strategy: st.SearchStrategy[Any], check: Any) -> None:
    """Calls `check` with so many examples; the one that fails is made small and shown."""
    wishes = settings(
        max_examples=examples, derandomize=examples < 1000, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    wishes(given(strategy)(lambda example: check(example)))()


class Pairs(list):
    """A map as pairs, so that a key may come twice or be of any type."""


# --- values ----------------------------------------------------------------------------------------------------------
any_text = st.text(st.characters(exclude_categories=()), max_size=40)  # lone surrogates and NUL among them
numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.sampled_from(
        [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1e308, 2**53 + 1, 2**63, 2**64 - 1, -(2**63)]
    ),
)
odd = st.one_of(
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20)),
    st.builds(msgpack.Timestamp, st.integers(0, 2**34), st.integers(0, 999_999_999)),
    st.sampled_from([msgpack.Timestamp(-(2**62), 0), msgpack.Timestamp(2**62, 999_999_999)]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, any_text, st.binary(max_size=40))
leaves = st.one_of(plain, plain, plain, odd)
names = st.one_of(
    st.sampled_from(
        ["test_time", "voltage", "current", "temperature", "state", "cycle_number", "Voltage", "row_id", ""]
    ),
    any_text,
    st.sampled_from(["a" * 64, "voltage\0", "x; DROP TABLE auth_user", '"', "received", "digest", "_", "é", "1a"]),
)
records = st.lists(st.tuples(names, leaves), max_size=6).map(Pairs)
columns = st.lists(st.tuples(names, st.one_of(st.lists(leaves, max_size=5), st.binary(max_size=40))), max_size=4).map(
    Pairs
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.lists(st.tuples(st.one_of(names, inner), inner), max_size=5).map(Pairs)
    ),
    max_leaves=12,
)
values = st.one_of(
    records, st.lists(records, max_size=5), columns, st.lists(st.one_of(records, anything), max_size=5), anything
)


# --- as msgpack ------------------------------------------------------------------------------------------------------
def packed(value: Any) -> bytes:
    packer = msgpack.Packer(use_bin_type=True, unicode_errors="surrogatepass", autoreset=True)
    if isinstance(value, Pairs):
        return packer.pack_map_header(len(value)) + b"".join(packed(part) for pair in value for part in pair)
    if isinstance(value, list):
        return packer.pack_array_header(len(value)) + b"".join(map(packed, value))
    return packer.pack(value)


@st.composite
def _spoilt(draw: Any) -> bytes:
    """A frame cut short, lengthened, or with some bytes changed."""
    whole = bytearray(packed(draw(values)))
    how = draw(st.sampled_from(["cut", "more", "changed"]))
    if how == "cut":
        return bytes(whole[: draw(st.integers(0, len(whole)))])
    if how == "more":
        return bytes(whole) + draw(st.binary(min_size=1, max_size=20))
    for _ in range(draw(st.integers(1, 4))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole)


deep = st.builds(lambda head, depth, end: head * depth + end, st.sampled_from([b"\x91", b"\x81\xa1a", b"\x81\x91"]),
                 st.integers(1, 3000), st.sampled_from([b"", b"\x01", b"\x90"]))  # fmt: skip
huge_heads = st.builds(lambda head, rest: head + rest, st.sampled_from([
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01", b"\xdc\xff\xff", b"\xde\xff\xff", b"\xdd\x00\x01\x86\xa1"],
), st.binary(max_size=30))  # fmt: skip
wide = st.builds(
    lambda count, value: packed(Pairs((f"wide_{place}", value) for place in range(count))),
    st.integers(900, 2000),
    plain,
)
frames = st.one_of(
    values.map(packed), values.map(packed), values.map(packed), _spoilt(), _spoilt(), st.binary(max_size=200), deep,
    huge_heads, wide,
)  # fmt: skip
