"""Jobs and workers on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.models import Job, Worker


class JobSerializer(serializers.ModelSerializer):
    seconds = serializers.FloatField(read_only=True, allow_null=True, help_text="How long it has run, s.")
    worker: Any = serializers.StringRelatedField(read_only=True, allow_null=True)
    requested_by: Any = serializers.StringRelatedField(read_only=True, allow_null=True)
    log = serializers.SerializerMethodField(help_text="Lines of its log; only when one job is asked for.")

    class Meta:
        model = Job
        fields = (
            "id", "kind", "title", "subject", "state", "progress", "message", "result", "error", "traceback", "tries",
            "max_tries", "worker", "requested_by", "cancel_requested_by", "retried_as", "created", "started",
            "finished", "seconds", "log",
        )  # fmt: skip
        read_only_fields = fields

    def get_log(self, job: Job) -> list[str] | None:
        if self.context.get("with_log"):
            return [f"{line.at:%Y-%m-%dT%H:%M:%SZ} {line.text}" for line in job.lines.all()]
        return None


class WorkerSerializer(serializers.ModelSerializer):
    held_shards: Any = serializers.PrimaryKeyRelatedField(
        many=True, read_only=True, help_text="Numbers of the parts of the fleet that it estimates now."
    )

    class Meta:
        model = Worker
        fields = ("id", "name", "started", "heartbeat", "stopped", "draining", "doing", "held_shards", "versions")
        read_only_fields = fields
