"""Backups of a running installation, and putting one back: the database and the uploaded files in one archive."""
