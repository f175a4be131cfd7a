"""What every response body shares: its model and how it writes instants.

The models describe for OpenAPI what the handlers return as plain JSON, and name its members.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
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
    # What it describes is asked for rarely: the schema is built then.
    model_config = ConfigDict(extra="forbid", defer_build=True)

    @classmethod
    def of(cls, row: object, **given: object) -> dict[str, Any]:
        """The members of this body as plain JSON: *given*, or read from *row* by their names."""
        return {
            name: given[name] if name in given else _PLAIN[type(value := getattr(row, name))](value)
            for name in cls.model_fields
        }


class _PlainOfTypes(dict[type, Callable[[Any], object]]):
    """How a value of each type is written, found once: an answer has twenty thousand of them."""

    def __missing__(self, kind: type) -> Callable[[Any], object]:
        found: Callable[[Any], object] = _as_it_is
        if issubclass(kind, datetime):
            found = instant
        elif issubclass(kind, enum.Enum):
            found = attrgetter("value")
        elif issubclass(kind, UUID):
            found = str
        elif issubclass(kind, tuple | list):
            found = _plain_list
        self[kind] = found
        return found


_PLAIN: Final = _PlainOfTypes()


def _as_it_is(value: object) -> object:
    return value


def _plain_list(values: Iterable[object]) -> list[object]:
    return [_PLAIN[type(each)](each) for each in values]


_OFFSET: Final = len("+00:00")


def instant(at: datetime) -> str:
    """`2026-01-01T00:00:00.000000Z`, always 27 characters, so that text sorts as time does."""
    assert at.tzinfo is not None
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-_OFFSET] + "Z"


MASK: Final = "****"
#: No body has members of these names for other things. The last two are what was handed over and
#: could not be taken, as it was sent: a code can stand anywhere in it.
_OF_SMS: Final = frozenset({"code", "text", "payload", "body_base64"})


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
