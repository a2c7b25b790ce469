"""What workers do for this room."""

from __future__ import annotations

from jobs.registry import duty


@duty("energy of batteries")
def account_for_batteries() -> bool:
    from fleet.accounting.telemetry import account_now_and_then  # noqa: PLC0415  (numpy; a web process boots without)

    return account_now_and_then()
