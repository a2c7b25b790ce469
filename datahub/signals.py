"""What this room announces to those above it, without knowing them."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `battery`, inside the transaction that deletes it: drop now what belongs to it and no foreign key reaches.
battery_deleting = Signal()
