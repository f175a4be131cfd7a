"""What every response body shares: its model and how it writes instants.

The models describe for OpenAPI what the handlers return as plain JSON, and name its members.
"""

import enum
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

Moment = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]


@dataclass(frozen=True, slots=True)
class SchemaName:
    """The public name of an enum's schema, which clients generate code from: whatever ours is."""

    name: str

    def __get_pydantic_core_schema__(
        self, source: type[enum.Enum], _: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.enum_schema(source, list(source), ref=self.name)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        reference = handler(schema)
        handler.resolve_ref_schema(reference)["title"] = self.name
        return reference


class ResponseBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @classmethod
    def of(cls, row: object, **given: object) -> dict[str, Any]:
        """The members of this body as plain JSON: *given*, or read from *row* by their names."""
        return {
            name: given[name] if name in given else _plain(getattr(row, name))
            for name in cls.model_fields
        }


#: Most members are of these: a thousand numbers in one answer have twenty of them each.
_AS_IT_IS: Final = frozenset({str, int, bool, type(None), dict})


def _plain(value: object) -> object:
    if type(value) in _AS_IT_IS:
        return value
    match value:
        case enum.Enum():
            return value.value
        case datetime():
            return instant(value)
        case UUID():
            return str(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case _:
            return value


def instant(at: datetime) -> str:
    """`2026-01-01T00:00:00.000000Z`, always 27 characters, so that text sorts as time does."""
    assert at.tzinfo is not None
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


MASK: Final = "****"
_OF_SMS: Final = frozenset(
    {"code", "text"}
)  #: No body has members of these names for other things.


def masked(content: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same content without what the SMS in it say: for callers who may only read."""
    match content:
        case dict():
            return {
                name: MASK if name in _OF_SMS and value is not None else masked(value)
                for name, value in content.items()
            }
        case list():
            return [masked(each) for each in content]
        case _:
            return content
