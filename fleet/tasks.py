"""What workers do for this room."""
