"""How a call of the API fails: by the API's own problem, or without any answer of it."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A call did not do what was asked, or nobody knows whether it did."""


class ApiProblem(ApiError):
    """The API refused: an RFC 9457 problem. Branch on `slug`, the last part of its `type`.

    `errors` names the invalid fields: `[{"pointer": "/price_minor", "detail": "…"}]`.
    """

    def __init__(self, document: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.type = str(document.get("type", "about:blank"))
        self.slug = self.type.rpartition("/")[2]
        self.title = str(document.get("title", ""))
        self.status = int(document.get("status", 0))
        self.detail = str(document.get("detail", ""))
        self.errors: list[dict[str, str]] = list(filter(_names_a_field, _listed(document)))
        self.request_id = document.get("request_id")  #: The same stands in the daemon's log.
        self.retry_after = retry_after  #: Seconds, where the API says when to try again.
        self.document = dict(document)
        told = [f"{each['pointer']}: {each['detail']}" for each in self.errors]
        super().__init__("; ".join(filter(None, [self.slug, self.title, self.detail, *told])))


def _listed(document: Mapping[str, Any]) -> list[Any]:
    errors = document.get("errors")
    return errors if isinstance(errors, list) else []


def _names_a_field(error: object) -> bool:
    return isinstance(error, dict) and {"pointer", "detail"} <= error.keys()


class ApiUnreachable(ApiError):
    """No answer, or one that is not the API's. Whether the call was carried out is unknown.

    Sent again, a call with the same path or the same `idempotency_key` is carried out once.
    """
