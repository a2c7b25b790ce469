"""What an upload socket answers, as msgpack. No Django here."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack

from datahub.ingest.protocol import REJECTIONS_A_MESSAGE, Rejection


def hello(position: int, last_test_time: float | None) -> bytes:
    """The first message: where to go on."""
    packed: bytes = msgpack.packb({"position": position, "last_test_time": last_test_time})
    return packed


def acknowledgement(position: int) -> bytes:
    """One that tells of no refusal."""
    return _packed(position, [])


def acknowledgements(position: int, handled: int, rejections: list[Rejection]) -> Iterator[bytes]:
    """`{"ack": n}` for `handled` records after `position`; in several messages where very many were refused.

    Each acknowledges up to the last record that it lists, so that no record is acknowledged before its rejection.
    """
    rejections = sorted(rejections, key=lambda rejection: rejection.index)
    while len(rejections) > REJECTIONS_A_MESSAGE:
        some, rejections = rejections[:REJECTIONS_A_MESSAGE], rejections[REJECTIONS_A_MESSAGE:]
        yield _packed(position + some[-1].index + 1, some)
    yield _packed(position + handled, rejections)


def _packed(position: int, rejections: list[Rejection]) -> bytes:
    message: dict[str, object] = {"ack": position}
    if rejections:
        message["rejected"] = [rejection.as_map() for rejection in rejections]
    packed: bytes = msgpack.packb(message)
    return packed
