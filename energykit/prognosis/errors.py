"""What cannot be forecast, with the field that is at fault and the way out."""


class CannotForecast(ValueError):
    """A forecast that would be a guess: `field` names what to change, `hint` says how."""

    def __init__(self, message: str, hint: str, field: str) -> None:
        self.message, self.hint, self.field = message, hint, field
        super().__init__(f"{message} {hint}")
