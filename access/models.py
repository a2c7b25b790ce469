"""Tokens: credentials of programs and devices."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class Token(AbstractAuthToken):
    """A bearer token. Only its hash is stored; the token itself is shown once, when it is made.

    With `battery_name` it is a device's: it may upload rows to the battery of that name, and do nothing else.
    """

    name = models.CharField(max_length=100, help_text="What uses this token, so that you know what a revocation stops.")
    battery_name = models.CharField(
        max_length=255,
        blank=True,
        db_index=True,
        verbose_name="only for battery",
        help_text="A device token: it may upload to this battery and nothing else. Empty: all that its user may do.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tokens_made"
    )

    class Meta:
        verbose_name = "token"
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    @property
    def is_for_device(self) -> bool:
        return bool(self.battery_name)
