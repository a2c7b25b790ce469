"""Daphne's socket with our quick way in hears what autobahn alone hears, wherever the bytes are cut."""

import random
import struct

import pytest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer
from twisted.internet.testing import StringTransport

from rovi_site.serving.quick_frames import QuickWebSocket

LARGEST = 70_000
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Heard:
    """In the place of Daphne's server and of an application's queue: keeps what came."""

    root_path = ""
    proxy_forwarded_address_header = None
    log_action = protocol_connected = protocol_disconnected = lambda *_: None

    def __init__(self) -> None:
        self.messages: list[dict] = []

    def create_application(self, protocol, scope):
        return defer.succeed(self)

    def put_nowait(self, message) -> None:
        self.messages.append(message)


def what_came(kind: type[WebSocketProtocol], pieces: list[bytes]) -> tuple[list[dict], bytes, bool]:
    """Messages for the application, bytes for the client, and whether the connection was ended."""
    heard = Heard()
    factory = WebSocketFactory(heard)
    factory.setProtocolOptions(
        maxMessagePayloadSize=LARGEST, maxFramePayloadSize=LARGEST, openHandshakeTimeout=0, closeHandshakeTimeout=0
    )
    factory.protocol = kind
    protocol, transport = factory.buildProtocol(None), StringTransport()
    protocol.failByDrop = False
    protocol._raw_query_string = b""
    transport.registerProducer(protocol, streaming=True)  # as the HTTP channel does, before it hands over
    protocol.makeConnection(transport)
    protocol.dataReceived(UPGRADE)
    protocol.serverAccept()
    transport.clear()
    heard.messages.clear()
    for piece in pieces:
        protocol.dataReceived(piece)
    return heard.messages, transport.value(), transport.disconnecting


def frame(
    payload: bytes, kind: int = BINARY, first: int = 0x80, mask: bytes = b"\x11\x22\x33\x44", size: int = 0
) -> bytes:
    """`size` is that of the length field, where it is not to be the shortest."""
    length = len(payload)
    size = size or (1 if length < 126 else 2 if length < 65536 else 8)
    told = {
        1: bytes([0x80 | length & 127]),
        2: b"\xfe" + struct.pack(">H", length & 0xFFFF),
        8: b"\xff" + struct.pack(">Q", length),
    }
    return bytes([first | kind]) + told[size] + mask + bytes(byte ^ mask[k % 4] for k, byte in enumerate(payload))


def some_frames(chance: random.Random) -> bytes:
    """As any client may send them; nearly all are those that are taken quickly."""
    sent = b""
    for _ in range(chance.randrange(1, 12)):
        payload = chance.randbytes(chance.choice([0, 1, 3, 125, 126, 127, 300, 5000]))
        mask = chance.randbytes(4)
        sent += chance.choice(
            [frame(payload, mask=mask)] * 6
            + [
                frame("volt äß".encode(), TEXT),
                frame(payload[:125], PING, mask=mask),
                frame(payload[:125], PONG),
                frame(b"begun", first=0) + frame(b"amid", PING) + frame(b"", CONTINUED, 0) + frame(b"done", CONTINUED),
            ]
        )
    return sent


def cut(chance: random.Random, sent: bytes) -> list[bytes]:
    places = sorted(chance.randrange(len(sent) + 1) for _ in range(chance.choice([0, 1, 5, 40])))
    return [sent[first:end] for first, end in zip([0, *places], [*places, len(sent)], strict=True)]


@pytest.mark.parametrize("seed", range(60))
def test_hears_what_autobahn_hears(seed):
    chance = random.Random(seed)
    sent = some_frames(chance)
    messages, answers, is_ended = what_came(WebSocketProtocol, [sent])
    assert what_came(QuickWebSocket, cut(chance, sent)) == (messages, answers, is_ended)
    assert is_ended is False


@pytest.mark.parametrize(
    "bad",
    {
        "unmasked": b"\x82\x03abc",
        "an extension's bit": frame(b"abc", first=0xC0),
        "two bytes for a short length": frame(b"abc", size=2),
        "eight bytes for a short length": frame(b"abc", size=8),
        "continued without a beginning": frame(b"abc", CONTINUED),
        "no such kind": frame(b"abc", 3),
        "too long": frame(bytes(LARGEST + 1)),
        "closed": frame(struct.pack(">H", 1000), CLOSE),
    }.items(),
    ids=lambda bad: bad[0],
)
def test_what_is_bad_ends_as_autobahn_ends_it(bad):
    sent = [frame(b"good") + frame(b"fine" * 99), bad[1] + frame(b"after")]
    messages, answers, is_ended = what_came(WebSocketProtocol, sent)
    assert what_came(QuickWebSocket, sent) == (messages, answers, is_ended)
    assert what_came(QuickWebSocket, [b"".join(sent)])[:2] == (messages, answers)
    assert [message.get("bytes") for message in messages[:2]] == [b"good", b"fine" * 99]
    assert b"after" not in [message.get("bytes") for message in messages]
    assert answers[:1] == b"\x88"  # a close frame


def test_a_frame_of_just_the_limit_is_taken_and_one_beyond_64_kib_too():
    for length in (65535, 65536, LARGEST):
        messages, _, _ = what_came(QuickWebSocket, [frame(bytes(length))[:30], frame(bytes(length))[30:]])
        assert [len(message["bytes"]) for message in messages] == [length]
