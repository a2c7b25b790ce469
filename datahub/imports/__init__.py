"""Bring in data files: remembered, run as jobs, stored like any other upload."""
