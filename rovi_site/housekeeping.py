"""What goes by itself once nobody needs it: old entries of the audit trail, sessions and tokens that have
expired, answers that were kept in case they were lost."""

from __future__ import annotations

import math
import time
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from access import kept_answers
from access.models import AuditEntry, Token
from jobs.registry import duty

SECONDS_BETWEEN_LOOKS = 600.0
ROWS_A_TRANSACTION = 5_000
TOKENS_SHOWN_EXPIRED = timedelta(days=30)  # so long a list tells why a device was turned away

_looked = -math.inf


@duty("housekeeping")
def keep_house() -> bool:
    """One small deletion; tells whether there may be more to do."""
    global _looked
    if time.monotonic() - _looked < SECONDS_BETWEEN_LOOKS:
        return False
    if delete_what_is_old():
        return True
    _looked = time.monotonic()
    return False


def delete_what_is_old() -> int:
    now = timezone.now()
    gone = 0
    if settings.AUDIT_DAYS is not None:
        old = AuditEntry.objects.filter(at__lt=now - timedelta(days=settings.AUDIT_DAYS)).order_by("at")
        gone += AuditEntry.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:ROWS_A_TRANSACTION])).delete()[
            0
        ]
    ended = Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)[:ROWS_A_TRANSACTION]
    gone += Session.objects.filter(pk__in=list(ended)).delete()[0]
    gone += Token.objects.filter(expiry__lt=now - TOKENS_SHOWN_EXPIRED).delete()[0]
    return gone + kept_answers.delete_old()
