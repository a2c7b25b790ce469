"""Does the web server of these settings say that it is ready? Asked by the supervisor and by the doctor."""

from __future__ import annotations

import http
import http.client

from django.conf import settings

from rovi_site import hosts

SECONDS_TO_ANSWER = 5.0
LONGEST_ANSWER = 500


def ready_address() -> str:
    return f"http://{hosts.reachable(settings.HOST)}:{settings.PORT}/healthz/ready"


def ask_whether_ready() -> tuple[bool, str]:
    """Whether it is, and its own words; or why nobody answers. Asked under a name that it always takes."""
    host = hosts.reachable(settings.HOST).strip("[]")
    connection = http.client.HTTPConnection(host, settings.PORT, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("GET", "/healthz/ready", headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK, answer.read(LONGEST_ANSWER).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, str(error) or type(error).__name__
    finally:
        connection.close()
