"""Short hands for tests of the sandbox."""


def run(guest, *positional, seconds=None):
    """Calls the script's function `run`."""
    return guest.call("run", {"positional": list(positional)}, seconds)["value"]
