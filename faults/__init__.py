"""What the service withstands, at full length: `make faults`. The short forms are in tests/."""
