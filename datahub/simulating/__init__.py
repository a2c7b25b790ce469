"""A fleet of simulated cells: their lives as rows, streamed like real ones or written to files."""
