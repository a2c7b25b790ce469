"""Estimates take less disk where PostgreSQL has the extension TimescaleDB: by `manage.py compress_estimates`."""
