"""What host and guest say to each other: length-prefixed msgpack of plain data, and numpy arrays as typed raw bytes.

Nothing is ever unpickled. Lengths, depth and the number of values are bounded, so that a few bytes cannot grow into
gigabytes at the receiver.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

HEAD = struct.Struct("<Q")

_NUMBERS, _TEXTS = 1, 2  # extension types: an array of numbers, and a one-dimensional object array of str or None
_DTYPES = frozenset(("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"))
_MOST_DIMENSIONS = 8
_MOST_VALUES = 2_000_000  # in all lists and maps of a message together
_MOST_CONTAINERS = 100_000
_DEEPEST = 32


class NotPlainData(ValueError):
    """A value that cannot cross, or bytes that are not a message."""


def pack(value: Any) -> bytes:
    """Raises NotPlainData for anything but None, bool, int, float, str, bytes, list, tuple, dict and arrays of
    those.
    """
    try:
        return msgpack.packb(value, default=_pack_special, strict_types=True, use_bin_type=True)
    except NotPlainData:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as wrong:
        raise NotPlainData(str(wrong)) from None


def unpack(data: bytes | bytearray) -> Any:
    """Raises NotPlainData for what `pack` would not have made."""
    count = _Count()
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            use_list=True,
            ext_hook=count.extension,
            list_hook=count.list,
            object_hook=count.map,
            max_array_len=_MOST_VALUES,
            max_map_len=_MOST_VALUES,
        )
    except NotPlainData:
        raise
    except (ValueError, TypeError, OverflowError, MemoryError, msgpack.exceptions.UnpackException) as wrong:
        raise NotPlainData(f"the message cannot be read ({type(wrong).__name__}: {wrong})") from None
    _check_depth(value, _DEEPEST)
    return value


class _Count:
    """Refuses while reading, before many small containers have become much memory."""

    def __init__(self) -> None:
        self.containers = 0
        self.values = 0

    def list(self, found: list[Any]) -> list[Any]:
        self._add(len(found))
        return found

    def map(self, found: dict[Any, Any]) -> dict[Any, Any]:
        self._add(len(found))
        for key in found:
            if not isinstance(key, str):
                raise NotPlainData("a map has a key that is not text")
        return found

    def extension(self, code: int, data: bytes) -> np.ndarray:
        if code == _TEXTS:
            array = _unpack_texts(data)
            self._add(len(array))
            return array
        if code != _NUMBERS or not data:
            raise NotPlainData(f"extension type {code} is not known")
        self._add(0)
        return _unpack_numbers(data)

    def _add(self, values: int) -> None:
        self.containers += 1
        self.values += values
        if self.containers > _MOST_CONTAINERS or self.values > _MOST_VALUES:
            raise NotPlainData(
                f"it holds more than {_MOST_VALUES:,} values or {_MOST_CONTAINERS:,} lists and maps; use numpy arrays"
            )


def _pack_special(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _pack_array(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, tuple):
        return list(value)
    for plain in (str, float, int):  # subclasses, such as enumerations and numpy's own
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise NotPlainData(f"a value of type {type(value).__module__}.{type(value).__qualname__} is not plain data")


def _pack_array(array: np.ndarray) -> msgpack.ExtType:
    if array.dtype.kind in "OU" and array.ndim == 1:
        texts = array.tolist()
        if not all(text is None or isinstance(text, str) for text in texts):
            raise NotPlainData("an array of objects holds something other than text")
        return msgpack.ExtType(_TEXTS, msgpack.packb(texts))
    little = array.dtype.newbyteorder("<") if array.dtype.byteorder in "=>" else array.dtype
    if little.str not in _DTYPES:
        raise NotPlainData(f"an array of type {array.dtype} with {array.ndim} dimensions cannot be sent")
    head = msgpack.packb((little.str, list(array.shape)))
    return msgpack.ExtType(_NUMBERS, bytes((len(head),)) + head + np.ascontiguousarray(array, dtype=little).tobytes())


def _unpack_texts(data: bytes) -> np.ndarray:
    texts = msgpack.unpackb(data, raw=False, max_array_len=_MOST_VALUES)
    if not isinstance(texts, list) or not all(text is None or isinstance(text, str) for text in texts):
        raise NotPlainData("an array of texts holds something else")
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def _unpack_numbers(data: bytes) -> np.ndarray:
    start = 1 + data[0]
    head = msgpack.unpackb(data[1:start], raw=False)
    if not (isinstance(head, list) and len(head) == 2 and isinstance(head[1], list)):
        raise NotPlainData("an array comes without its type and shape")
    name, shape = head
    if not isinstance(name, str) or name not in _DTYPES:
        raise NotPlainData(f"arrays of type {name!r} are not taken")
    if len(shape) > _MOST_DIMENSIONS or not all(type(side) is int and 0 <= side <= 2**40 for side in shape):
        raise NotPlainData(f"an array has an impossible shape {shape!r}")
    dtype = np.dtype(name)
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise NotPlainData(f"an array of shape {shape!r} and type {name} comes with {len(data) - start} bytes")
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    if name == "|b1":
        return array.view("u1") != 0  # a byte of 2 would be neither true nor false
    return array.copy()  # aligned, and writable as callers expect


def _check_depth(value: Any, left: int) -> None:
    if isinstance(value, dict):
        inner: Any = value.values()
    elif isinstance(value, list):
        inner = value
    else:
        return
    if left == 0:
        raise NotPlainData(f"it is nested deeper than {_DEEPEST} levels")
    for part in inner:
        if isinstance(part, dict | list):
            _check_depth(part, left - 1)
