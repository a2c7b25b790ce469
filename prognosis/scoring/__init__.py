"""Forecasts held to their word: scored by horizon as estimates arrive (duty.py), and compared (table.py).

A forecast knows nothing of what is scored: its columns were stored when it was made. The truth is the battery's current
estimates; where another estimator becomes current, its forecasts are scored anew against that one.
"""
