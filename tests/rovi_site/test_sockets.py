"""What every socket's application is given, whichever server it runs in."""

import pytest
from django.db import OperationalError

from rovi_site.sockets import SocketExtensions

SAYS_MORE = {"websocket.http.response": {}}


async def knock(application, extensions=SAYS_MORE):
    """What is sent to who opens a socket of that application."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await SocketExtensions(application)({"type": "websocket", "extensions": extensions}, receive, send)
    return sent


async def without_a_database(scope, receive, send):
    raise OperationalError("connection refused")


async def test_who_knocks_while_the_database_is_away_is_told_to_come_again():
    begin, body = await knock(without_a_database)
    assert begin["status"] == 503
    assert b"a little later" in body["body"]


async def test_where_no_status_can_be_said_the_socket_is_closed():
    assert await knock(without_a_database, {}) == [{"type": "websocket.close"}]


async def test_a_socket_that_is_open_ends_with_the_error():
    async def opens_first(scope, receive, send):
        await send({"type": "websocket.accept"})
        raise OperationalError("connection refused")

    with pytest.raises(OperationalError):
        await knock(opens_first)
