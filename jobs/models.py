"""Work to be done, and who does it. A job's row is the truth: whatever carries the news may be lost or come twice."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class State:
    """States of a job. Plain words, so that a new one costs no migration."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ENDED = (DONE, FAILED, CANCELLED)


class Worker(models.Model):
    """A process that runs jobs and duties. It is alive while its heartbeat is fresh."""

    name = models.CharField(max_length=100, unique=True, help_text="Host, process id and a random part.")
    started = models.DateTimeField(auto_now_add=True)
    heartbeat = models.DateTimeField(db_index=True)
    stopped = models.DateTimeField(null=True, blank=True, help_text="Set when it ended in good order.")
    draining = models.DateTimeField(
        null=True, blank=True, help_text="When it was asked to finish what it has, take nothing new and end."
    )
    doing = models.CharField(max_length=200, blank=True, help_text="What it works on now.")
    versions = models.JSONField(default=dict, help_text="Of the project, Python and the libraries that matter.")
    tallies = models.JSONField(default=dict, help_text="What it counted since it began, by name.")
    process = models.CharField(max_length=200, blank=True, help_text="Tells others on its machine whether it lives.")
    shards = models.JSONField(null=True, help_text="Numbers it was told to take; null: its share of all others.")

    class Meta:
        ordering = ["-heartbeat"]

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    """One piece of work with its arguments, progress and outcome."""

    kind = models.CharField(max_length=50, db_index=True, help_text="Names the function that does it.")
    subject = models.CharField(
        max_length=300, blank=True, db_index=True, help_text="The record it is for, such as datahub.battery:3."
    )
    title = models.CharField(max_length=300, blank=True)
    arguments = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=12, default=State.QUEUED, db_index=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    tries = models.PositiveSmallIntegerField(default=0)
    max_tries = models.PositiveSmallIntegerField(
        default=1, help_text="How often it may be begun, counting those whose worker vanished."
    )

    worker = models.ForeignKey(Worker, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="After this the worker counts as lost.")
    cancel_requested_by = models.CharField(max_length=150, blank=True)

    shard = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of the battery it is for: in that queue it is called out."
    )

    progress = models.FloatField(default=0.0, help_text="0 to 1")
    message = models.CharField(max_length=500, blank=True, help_text="What it is doing, or did last.")
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="One sentence.")
    traceback = models.TextField(blank=True)
    retried_as = models.OneToOneField("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retry_of")

    created = models.DateTimeField(auto_now_add=True, db_index=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "id"], name="job_queue")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title or self.kind}"

    @property
    def has_ended(self) -> bool:
        return self.state in State.ENDED

    @property
    def seconds(self) -> float | None:
        """How long it has run, or ran; None before it began."""
        if self.started is None:
            return None
        return ((self.finished or timezone.now()) - self.started).total_seconds()

    def as_event(self) -> dict[str, Any]:
        """What watchers are told of it."""
        return {"id": self.pk, "state": self.state, "progress": self.progress, "message": self.message}


class Level:
    """How much a line of a log matters. Plain words, so that a new one costs no migration."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    ALL = (INFO, WARNING, ERROR)


class JobLine(models.Model):
    """A line of a job's log."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=10, default=Level.INFO, help_text="info, warning or error")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text


class Tally(models.Model):
    """What workers counted of whom no record is left."""

    name = models.CharField(max_length=100, primary_key=True)
    count = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"


class Shard(models.Model):
    """A part of the fleet that one worker at a time estimates and measures."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    owner = models.CharField(max_length=200, blank=True, help_text="The process that holds it.")
    worker = models.ForeignKey(Worker, null=True, blank=True, on_delete=models.SET_NULL, related_name="held_shards")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then nobody else may take it.")
    fence = models.BigIntegerField(default=0, help_text="Counts who took it; a commit under an older one is refused.")
    taken = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"shard {self.number}"
