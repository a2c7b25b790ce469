"""What a forecast of quarters refuses."""


class TooLittleHistory(ValueError):
    """Fewer quarters than a day has; `have` and `need` count them."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"A forecast needs {need} quarters of history; there are {have}.")
        self.have = have
        self.need = need
