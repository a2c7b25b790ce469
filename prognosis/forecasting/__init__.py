"""Ask for a forecast (runs.py), make it (making.py), load a script for the first time (loading.py).

Nothing is imported here: the guest, which runs in the sandbox without Django, lives in this package too.
"""
