"""Limits and time-outs that both web servers keep."""

from __future__ import annotations

import resource

PING_SECONDS = 20
PONG_SECONDS = 90  # a pong waits behind the frames of a socket that is not read from; so much longer than a commit
SECONDS_TO_FINISH = 4  # for applications to end what they have begun when the server stops
SECONDS_TO_CLOSE = 10  # for a client to answer that its socket is closed; it may have a large frame under way
SECONDS_TO_ASK = 30  # from connecting to the end of the headers; who sends a byte a second is not waited for
SECONDS_TO_ADMIT = 120  # of our own, from the headers of a socket to its opening: a thousand may wait to be looked up
BACKLOG = 2048  # connections that the kernel holds until they are accepted; thousands may come at once


def open_as_many_files_as_may_be() -> None:
    """Each connection is an open file; of the many that the system allows, shells give a process 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
