"""Answers that are kept for a day, so that a request sent again is answered and not carried out again.

A caller names each request by a key. Who comes first claims it in one INSERT, in a transaction of its own; what it
answered is written down beside it. Reads that go wrong are no matter: only POST has keys.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from access.models import KeptAnswer

KEPT = timedelta(hours=24)
GIVEN_UP = timedelta(minutes=10)  # who claimed it and has said nothing since is gone
ROWS_A_TRANSACTION = 5_000


class KeyTaken(Exception):
    """`is_another`: of a different request. `status` is None while it is worked on; `body` None where it is secret."""

    def __init__(self, found: KeptAnswer, is_another: bool) -> None:
        super().__init__(found.key)
        self.is_another = is_another
        self.status: int | None = found.status
        self.headers: dict[str, str] = found.headers
        self.body: bytes | None = None if found.body is None else bytes(found.body)


def claim(owner: str, key: str, digest: str) -> KeptAnswer:
    """The record of a request that is now to be carried out, by whoever called this; raises KeyTaken."""
    now = timezone.now()
    KeptAnswer.objects.filter(owner=owner, key=key, taken__lt=now - KEPT).delete()
    found, is_new = KeptAnswer.objects.get_or_create(owner=owner, key=key, defaults={"digest": digest, "taken": now})
    if is_new:
        return found
    is_another = found.digest != digest
    if not is_another and found.status is None and found.taken < now - GIVEN_UP:
        given_up = KeptAnswer.objects.filter(pk=found.pk, status=None, taken=found.taken)
        if given_up.update(taken=now):
            found.taken = now
            return found
    raise KeyTaken(found, is_another)


def keep(claimed: KeptAnswer, status: int, headers: dict[str, str], body: bytes | None) -> None:
    """Does nothing where it took so long that another has the claim by now."""
    KeptAnswer.objects.filter(pk=claimed.pk, taken=claimed.taken).update(status=status, headers=headers, body=body)


def forget(claimed: KeptAnswer) -> None:
    """Nothing was done, so the key is free."""
    KeptAnswer.objects.filter(pk=claimed.pk, taken=claimed.taken, status=None).delete()


def delete_old() -> int:
    """Some of those whose day is over; how many they were."""
    old = KeptAnswer.objects.filter(taken__lt=timezone.now() - KEPT).values_list("pk", flat=True)
    return KeptAnswer.objects.filter(pk__in=list(old[:ROWS_A_TRANSACTION])).delete()[0]
