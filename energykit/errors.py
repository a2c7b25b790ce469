"""What can be wrong with what was handed to a pure function."""

from collections.abc import Mapping


class InvalidParameters(ValueError):
    """Parameters that describe no usable cell; `fields` maps each field's name to its complaint."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__(" ".join(f"{name}: {complaint}" for name, complaint in self.fields.items()))


class BadCheckpoint(ValueError):
    """Bytes that are no checkpoint of this filter: damaged, of another version, or of a cell with other states."""


class BadRows(ValueError):
    """Rows whose columns do not belong together, or not one set of rows for each battery."""


class CannotFit(ValueError):
    """Rows from which no cell model can be made; `hint` is the way out, `field` the wish that would help."""

    def __init__(self, message: str, hint: str, field: str = "") -> None:
        self.message, self.hint, self.field = message, hint, field
        super().__init__(f"{message} {hint}")
