"""What this room refuses, each with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from access.errors import Refused

if TYPE_CHECKING:
    from datahub.ingest.protocol import Rejection


class NoSuchBattery(Refused):
    code = "no_such_battery"
    status = 404

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        hint = "Did you mean " + " or ".join(repr(other) for other in near) + "?" if near else ""
        super().__init__(f"There is no battery {name!r}.", hint=hint or "GET /db/stats lists the batteries there are.")


class BatteryDeleted(Refused):
    code = "battery_deleted"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Battery {name!r}, or the record of its import, was deleted meanwhile; no more rows were stored.",
            hint="Import the file once more to make the battery anew.",
        )


class NoSuchColumn(Refused):
    code = "no_such_column"

    def __init__(self, battery: str, missing: Sequence[str], available: Sequence[str]) -> None:
        super().__init__(
            f"Battery {battery!r} has no column {', '.join(repr(name) for name in missing)}.",
            hint="It has " + (", ".join(available) or "no rows yet") + ".",
            fields={"columns": [f"{name!r} is not a column." for name in missing]},
        )


class BadBatteryName(Refused):
    code = "bad_battery_name"


class RecordsRefused(Refused):
    """Some records of a bulk upload cannot be stored, so none is. `rejections` names each by its index."""

    code = "records_refused"
    status = 422

    def __init__(self, rejections: Sequence[Rejection]) -> None:
        self.rejections = list(rejections)
        first = self.rejections[0]
        super().__init__(
            f"{len(self.rejections)} of the records cannot be stored, so none was. "
            f"The first is number {first.index}: {first.message}",
            hint="Mend them, or add ?partial=1 to store the others.",
            fields={str(rejection.index): [rejection.message] for rejection in self.rejections},
        )


class BatteryFull(Refused):
    """It holds as many rows as it may, and is set to refuse more; nothing of the request was stored."""

    code = "battery_full"
    status = 409

    def __init__(self, name: str, refused: int, message: str) -> None:
        super().__init__(
            f"Battery {name!r} has no room for {refused:,} of the records, so none was stored. {message}",
            hint="Raise its limit, let it delete its oldest rows, or add ?partial=1 to store what fits.",
        )


class StoreBusy(Refused):
    code = "store_busy"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "The database is busy or cannot be written; nothing of this request was stored.",
            hint="Send it again later.",
        )


class MetadataRefused(Refused):
    """The document is no BatteryMetadata. `fields` maps the path of each wrong field to its complaints."""

    code = "metadata_refused"
    status = 422

    def __init__(self, fields: dict[str, list[str]]) -> None:
        named = ", ".join(list(fields)[:5])
        super().__init__(
            f"The metadata cannot be taken; wrong are: {named}.",
            hint="The schema is battery-data-toolkit's BatteryMetadata.",
            fields=fields,
        )


class NameTaken(Refused):
    code = "name_taken"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a battery {name!r} already.",
            hint="Change that one, or choose another name.",
            fields={"name": ["This name is taken."]},
        )


class NotConfirmed(Refused):
    """Deleting takes the name, typed once more."""

    code = "not_confirmed"

    def __init__(self, name: str, loss: str) -> None:
        super().__init__(
            f"Deleting {name!r} would lose {loss}, for good.",
            hint="Send its name as ?confirm= to delete it all the same.",
            fields={"confirm": ["This is not the battery's name."]},
        )


class MarkRefused(Refused):
    code = "mark_refused"
    status = 422


class BodyUnreadable(Refused):
    code = "body_unreadable"
    status = 422


class FileUnreadable(Refused):
    code = "file_unreadable"
    status = 422


class MappingRefused(Refused):
    code = "mapping_refused"
    status = 422

    def __init__(self, label: str, why: str) -> None:
        super().__init__(why, fields={"columns": {label: [why]}})


class ImportHasBegun(Refused):
    code = "import_has_begun"
    status = 409

    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"Import {number} {state}.", hint="Bring the file in once more.")


class CannotBeUndone(Refused):
    code = "cannot_be_undone"
    status = 409
    hint = "Delete the battery, where nothing of it is to stay."

    def __init__(self, file_name: str, why: str) -> None:
        super().__init__(f"The import of {file_name} cannot be undone: {why}")


class FileTooLarge(Refused):
    code = "file_too_large"
    status = 413

    def __init__(self, size: int, most: int) -> None:
        why = f"The file has {size:,} bytes; {most:,} are the most."
        super().__init__(why, hint="Import it in parts, or raise ROVI_MAX_IMPORT_BYTES.", fields={"file": [why]})
