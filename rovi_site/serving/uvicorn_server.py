"""uvicorn with the limits and time-outs of the upload protocol. Its buffers are bounded as they are."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rovi_site.serving.limits import BACKLOG, PING_SECONDS, PONG_SECONDS, SECONDS_TO_ASK, SECONDS_TO_FINISH


class PunctualProtocol(H11Protocol):
    """Cuts off who has not asked for anything in time; uvicorn itself waits for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_a_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_a_request()

    def _expect_a_request(self) -> None:
        self.loop.call_later(SECONDS_TO_ASK, self._look_for_one_after, self.cycle)

    def _look_for_one_after(self, last: Any) -> None:
        is_a_socket = self.transport.get_protocol() is not self
        if self.cycle is last and not is_a_socket and not self.transport.is_closing():
            self.transport.abort()


def run(application: Any, host: str, port: int, max_frame_bytes: int) -> int:
    """Serves until SIGINT or SIGTERM; 1 when it could not listen."""
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            backlog=BACKLOG,
            http=PunctualProtocol,
            ws="websockets-sansio",
            ws_max_size=max_frame_bytes,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PONG_SECONDS,
            ws_per_message_deflate=False,  # costs more than the frames of telemetry save; Daphne has none either
            lifespan="off",
            access_log=False,
            server_header=False,
            log_level="warning",
            proxy_headers=False,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
    )
    server.run()
    return 0 if server.started else 1
