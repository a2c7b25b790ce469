"""What this room announces to those above it, without knowing them."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `battery`, inside the transaction that deletes it: drop now what belongs to it and no foreign key reaches.
battery_deleting = Signal()

# Sent with `battery`, inside the transaction that deletes its oldest rows, with the battery locked and its fields
# telling what is gone by now: rows with ids up to `dropped_to` and a test_time up to `dropped_until`.
rows_dropped = Signal()
