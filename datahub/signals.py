"""What this room announces to those above it, without knowing them."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `battery`, inside the transaction that deletes it: drop now what belongs to it and no foreign key reaches.
battery_deleting = Signal()

# Sent with `batteries`, once in the transaction that deletes their oldest rows, with all of them locked and their
# fields telling what is gone by now: rows with ids up to `dropped_to` and a test_time up to `dropped_until`. Who locks
# records of theirs locks those of all of them, in the order in which others do: battery by battery is another one.
rows_dropped = Signal()
