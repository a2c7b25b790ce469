"""Parameters of queries, as the API's description tells them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

from fleet.models import Kind
from fleet.queries import DROP, KEEP, NONE, NULL, RESOLUTIONS, SCALE, ZERO

NUMBER = OpenApiParameter("spaceship_id", int, required=True, description="The asset's number.")
START = OpenApiParameter("start", str, required=True, description="ISO 8601; `T00-00-00Z` is read, too.")
END = OpenApiParameter("end", str, required=True, description="ISO 8601; not included.")
FROM = OpenApiParameter("start", str, description="ISO 8601; all that is stored when left out.")
TO = OpenApiParameter("end", str, description="ISO 8601, not included; all that is stored when left out.")
ZONE = OpenApiParameter(
    "zone",
    str,
    description="Such as Europe/Berlin: of bounds that name none, and of the answer's times; UTC when left out.",
)
PARTIAL = OpenApiParameter(
    "partial", str, enum=[KEEP, SCALE, DROP], description="Quarters covered in part: as they are, scaled up, or not."
)
FILL = OpenApiParameter(
    "fill", str, enum=[NONE, ZERO, NULL], description="What stands for quarters of which nothing is known."
)
DETAIL = OpenApiParameter("detail", bool, description="Tell how much of each quarter is covered.")
COUNT = OpenApiParameter("count", int, description="How many; 3 when left out.")
KIND = OpenApiParameter("kind", str, enum=Kind.values, description="Assets of this kind alone.")
MODEL = OpenApiParameter("model", str, description="Which model; linear when left out.")
RESOLUTION = OpenApiParameter("resolution", str, enum=list(RESOLUTIONS), description="quarter when left out.")
UNITS = OpenApiParameter("units", str, enum=["kW", "kWh"], description="Of a file's values.")
INTERVAL = OpenApiParameter("interval", str, description="Of a file's readings: seconds, or an ISO 8601 duration.")

QUARTERS = [NUMBER, START, END, ZONE, PARTIAL, FILL, DETAIL]
TOP = [COUNT, FROM, TO]
FORECAST = [NUMBER, START, END, MODEL]
