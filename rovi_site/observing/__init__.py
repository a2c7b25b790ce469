"""What the service tells of itself to those who run it: metrics, logs, and a doctor's opinion."""
