"""Tokens: credentials of programs and devices. Beside them what is kept of who came in and what they did."""

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
    rows_per_second = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Most rows a second that it may send; empty: ROVI_TOKEN_ROWS_PER_SECOND; 0: any.",
    )
    connections = models.PositiveIntegerField(
        null=True, blank=True, help_text="Most sockets open at once; empty: ROVI_TOKEN_CONNECTIONS; 0: any."
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


class LoginTries(models.Model):
    """A count of wrong tries to log in, see access.tries. Deleting one forgets the tries."""

    key = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=10, help_text="pair: an account from an address; address; account.")
    account = models.CharField(max_length=150, blank=True)
    address = models.CharField(max_length=45, blank=True)
    tries = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True, db_index=True)
    last_try = models.DateTimeField(db_index=True)
    last_success = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "count of login tries"
        verbose_name_plural = "counts of login tries"
        ordering = ["-last_try"]

    def __str__(self) -> str:
        return " from ".join(part for part in (self.account, self.address) if part) or "nobody"


class AuditEntry(models.Model):
    """Who did what, when and from where; written once and never changed. See access.auditing."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    who = models.CharField(max_length=150, blank=True, help_text="The account's name, which stays when it is deleted.")
    token = models.CharField(max_length=130, blank=True, help_text="Name and first characters of the token used.")
    address = models.CharField(max_length=45, blank=True)
    door = models.CharField(max_length=100, help_text="Page, REST, admin, socket, or the command that ran.")
    action = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=60, blank=True, help_text="Of the record: datahub.battery, say.")
    record = models.CharField(max_length=128, blank=True, help_text="Its id.")
    name = models.CharField(max_length=255, blank=True, help_text="What it was called then.")
    changes = models.JSONField(default=dict, blank=True, help_text="Field to old and new value; secrets are masked.")
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["kind", "record", "at"], name="audit_of_record")]

    def __str__(self) -> str:
        return f"{self.action} {self.name or self.kind}".strip()


class KeptAnswer(models.Model):
    """What a request with an Idempotency-Key was answered, see access.kept_answers."""

    owner = models.CharField(max_length=150, help_text="The token, or the account that came without one.")
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="Of what was asked for.")
    taken = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the answer; null while it is worked on.")
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True, help_text="null: not to be kept.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return self.key
