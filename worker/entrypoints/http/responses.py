"""What every response body shares: its model and how it writes instants.

The models only describe for OpenAPI what the handlers return as plain JSON.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Moment = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]


class ResponseBody(BaseModel):
    model_config = ConfigDict(extra="forbid")


def instant(at: datetime) -> str:
    """`2026-01-01T00:00:00.000000Z`, always 27 characters, so that text sorts as time does."""
    assert at.tzinfo is not None
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
