"""Time-outs that both web servers keep."""

PING_SECONDS = 20
PONG_SECONDS = 90  # a pong waits behind the frames of a socket that is not read from; so much longer than a commit
SECONDS_TO_FINISH = 4  # for applications to end what they have begun when the server stops
SECONDS_TO_CLOSE = 10  # for a client to answer that its socket is closed; it may have a large frame under way
