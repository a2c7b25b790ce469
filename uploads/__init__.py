"""Scripts and support files that people bring: checked before anything is stored, then kept under their names.

No app of its own: it has no tables. A room derives its records from `uploads.models.AnySupportFile`.
"""
