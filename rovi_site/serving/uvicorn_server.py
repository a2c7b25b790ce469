"""uvicorn with the limits and time-outs of the upload protocol. Its buffers are bounded as they are."""

from __future__ import annotations

from typing import Any

import uvicorn

from rovi_site.serving.limits import BACKLOG, PING_SECONDS, PONG_SECONDS, SECONDS_TO_FINISH


def run(application: Any, host: str, port: int, max_frame_bytes: int) -> int:
    """Serves until SIGINT or SIGTERM; 1 when it could not listen."""
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            backlog=BACKLOG,
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
