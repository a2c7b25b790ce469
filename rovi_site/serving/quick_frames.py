"""Daphne's socket, which takes in whole frames many times quicker than autobahn does.

Autobahn goes through a dozen methods for each frame, and copies what lies behind it each time: of 64 KiB with 500 small
frames, 17 µs a frame. Nearly all frames that rows come in are alike: whole, masked, binary, below 64 KiB, uncompressed.
Those are cut out here, and everything else is autobahn's.
"""

from __future__ import annotations

from daphne.ws_protocol import WebSocketProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # it was built without a compiler
    from websockets.utils import apply_mask

WHOLE_BINARY = 0x82  # RFC 6455, 5.2: FIN, no extension's bit, opcode 2
MASKED = 0x80
LENGTH_IN_TWO_BYTES = 126  # more than this stands for one in eight
LONGEST = 0xFFFF
HEAD = 2 + 4  # with the mask


class QuickWebSocket(WebSocketProtocol):  # type: ignore[misc]  # Daphne has no types
    def consumeData(self) -> None:  # noqa: N802  (autobahn's name)
        is_between_messages = (
            self.state == self.STATE_OPEN
            and self.current_frame is None
            and not self.inside_message
            and not self.failedByMe
            and self._perMessageCompress is None
        )
        if not is_between_messages or self._is_left_to_autobahn():
            super().consumeData()

    def _is_left_to_autobahn(self) -> bool:
        """Takes the whole frames at the front; False where behind them lies nothing, or the beginning of another."""
        data: bytes = self.data  # type: ignore[has-type]  # autobahn sets it where mypy does not look
        at, end = 0, len(data)
        limit = min(most or LONGEST for most in (self.maxFramePayloadSize, self.maxMessagePayloadSize))
        is_beginning = True
        while end - at >= HEAD:
            length, first = data[at + 1] - MASKED, at + HEAD
            least = 1
            if length == LENGTH_IN_TWO_BYTES:
                length, first = int.from_bytes(data[at + 2 : at + 4], "big"), first + 2
                least = LENGTH_IN_TWO_BYTES
            elif length > LENGTH_IN_TWO_BYTES:
                length = 0
            if data[at] != WHOLE_BINARY or not least <= length <= limit:
                is_beginning = False
                break
            if first + length > end:
                break
            at = first + length
            self.onMessage(apply_mask(data[first:at], data[first - 4 : first]), isBinary=True)
        if at:
            self.data = data[at:]
            if self.autoPingTimeoutCall and self.autoPingRestartOnAnyTraffic:
                self._cancelAutoPingTimeoutCall()
        return not is_beginning or 0 < end - at < HEAD
