"""`manage.py serve`: everything of the service on one machine, started in order, watched, and stopped in order."""
