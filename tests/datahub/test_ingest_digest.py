"""Two rows are the same row when they hold the same values under the same names."""

import struct
from hashlib import blake2b

from datahub.ingest.digest import HASHED, NUMBER, digests, hashed, hashed_integer


def digest_of(formats=None, **values):
    formats = formats or [HASHED if isinstance(value, bytes) else NUMBER for value in values.values()]
    slots = [[value] for value in values.values()]
    return digests(tuple(values), formats, slots, 1, has_nulls=None in values.values())[0]


def test_the_digest_is_what_it_was_when_rows_were_first_stored():
    # By the definition: BLAKE2b of the digest of the sorted names and the doubles. Rows already stored depend on it.
    names = blake2b(b"current\0test_time", digest_size=8).digest()
    content = blake2b(names + struct.pack("<2d", 1.5, 60.0), digest_size=8).digest()
    by_hand = int.from_bytes(content, "little", signed=True)
    assert digest_of(test_time=60.0, current=1.5) == by_hand == 3604357160097286746


def test_the_order_of_columns_makes_no_difference():
    assert digest_of(a=1.0, b=2.0) == digest_of(b=2.0, a=1.0)


def test_an_integer_and_the_same_float_are_the_same():
    assert digest_of(a=3) == digest_of(a=3.0)


def test_a_column_that_is_null_is_as_one_that_is_absent():
    assert digest_of(a=1.0, b=None) == digest_of(a=1.0)


def test_the_same_value_under_another_name_is_another_row():
    assert digest_of(a=1.0) != digest_of(b=1.0)
    assert digest_of(a=1.0, b=None) != digest_of(a=None, b=1.0)


def test_texts_differ():
    assert digest_of(state=hashed("charge")) != digest_of(state=hashed("rest"))


def test_integers_that_one_double_stands_for_differ():
    assert float(2**53 + 1) == float(2**53)
    assert hashed_integer(2**53 + 1) != hashed_integer(2**53)


def test_an_integer_is_not_taken_for_the_double_of_its_bits():
    bits = int.from_bytes(struct.pack("<d", 1.0), "little")
    assert hashed_integer(bits) != hashed_integer(1) == struct.pack("<d", 1.0)
