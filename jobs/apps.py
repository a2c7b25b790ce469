from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs and workers"
    changed_by = {"*": "operator"}  # read by access.granting
    audited = {
        "job": ("kind", "title", "subject", "arguments", "requested_by"),
    }  # read by access.audited
    not_audited = ("jobline", "shard", "tally", "worker")

    def ready(self) -> None:
        from jobs import retention  # noqa: F401, PLC0415  (registers a duty; models are ready only now)
