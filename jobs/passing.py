"""Which errors of the database are no fault of what was asked, so that the same may go through a little later."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

# SQLSTATE classes of what passes: connection lost, transaction rolled back (deadlock), resources, operator, system.
PASSING_SQLSTATES = ("08", "40", "53", "55", "57", "58")
CUT_OFF_WHILE_FROZEN = "25P03"  # idle_in_transaction_session_timeout; Django calls it an InternalError
# Results of SQLite that pass: PERM, BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
PASSING_SQLITE = frozenset({3, 5, 6, 8, 10, 13, 14, 15})


def passes_by_itself(error: Exception) -> bool:
    """Whether the same commit may succeed later: the database is locked, full, restarting or away."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) == CUT_OFF_WHILE_FROZEN:
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    if code := getattr(cause, "sqlite_errorcode", None):
        return code & 0xFF in PASSING_SQLITE
    sqlstate = getattr(cause, "sqlstate", None)
    return sqlstate is None or sqlstate.startswith(PASSING_SQLSTATES)
