"""Remember work and run it: jobs with progress, log, cancel and retry; workers with leases and heartbeats.

The verbs live in jobs.queue (`enqueue`, `cancel`, `retry`, `wait_for`), registrations in jobs.registry, the worker in
jobs.running.
"""
