"""Words for what a forecaster is and how it and a forecast stand. Plain, so that a new one costs no migration."""

from __future__ import annotations


class ForecasterKind:
    """What a forecaster is made of; all but a script are built in."""

    SCRIPT = "script"
    TREND = "trend"
    AGEING = "ageing"
    AUTO = "auto"
    BUILT_IN = (AUTO, TREND, AGEING)
    ALL = (SCRIPT, *BUILT_IN)


# A kind as people read it.
WORDS_OF_KINDS = {
    ForecasterKind.SCRIPT: "Script",
    ForecasterKind.AUTO: "Built-in: best of all",
    ForecasterKind.TREND: "Built-in: trend",
    ForecasterKind.AGEING: "Built-in: ageing model",
}


class ForecasterState:
    """Of a forecaster."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class RunState:
    """Of a forecast."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ENDED = (DONE, FAILED)
