"""Questions to the refund policies as NDJSON lines, each answered by one line in its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import orjson

from worker.domain.policy import (
    Decision,
    FactError,
    Profile,
    ProfileError,
    load_profile,
    override,
    question_from,
)
from worker.domain.policy import decide as decide_one

CHUNK_BYTES = 1 << 16
LINE_BYTES_MAX = 1 << 20
PROFILES_MAX = 256  #: Policies kept ready, single replaced values included.
NEWLINE = b"\n"


class Source(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _Bad(ValueError):
    """Answered by an error line."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def line_batches(source: Source) -> Iterator[list[bytes | None]]:
    """Whatever lines can be read at once; None is a line that is too long to be looked at.

    A batch is what one read gives, so somebody who writes one line and waits gets his answer,
    and somebody who writes a million pays for few system calls.
    """
    pending, too_long = b"", False
    while chunk := source.read1(CHUNK_BYTES):
        *ended, pending = (pending + chunk).split(NEWLINE)
        batch: list[bytes | None] = list(ended)
        if ended and too_long:
            batch[0], too_long = None, False
        if len(pending) > LINE_BYTES_MAX:
            pending, too_long = b"", True
        yield batch
    if pending or too_long:
        yield [None if too_long else pending]


@dataclass(slots=True)
class Answers:
    """Answers lines, and counts those it could not."""

    default_policy: str
    directory: Path | None = None
    lines: int = 0
    errors: int = 0
    _profiles: dict[tuple[str, bytes], Profile] = field(default_factory=dict)

    @property
    def profiles_kept(self) -> int:
        return len(self._profiles)

    def to(self, batch: Iterable[bytes | None]) -> bytes:
        """One answer per line, in order; empty lines have none."""
        answers: list[bytes] = []
        for line in batch:
            self.lines += 1
            if line is None or line.strip():
                answers.append(self._answer(line))
        return b"".join(answers)

    def _answer(self, line: bytes | None) -> bytes:
        asked: dict[str, object] = {}
        try:
            asked = _object(line)
            given = _given(asked)
            question = question_from(given)
            profile = self._profile(asked.get("policy"), given.get("profile_overrides"))
            decision = decide_one(profile, question.op, question.facts, question.now)
        except _Bad as error:
            return self._error(asked, error.field, error.message)
        except FactError as error:
            return self._error(asked, error.field, error.problem)
        return _dump(_fields(asked["id"], decision))

    def _error(self, asked: Mapping[str, object], field: str | None, message: str) -> bytes:
        self.errors += 1
        error = {"line": self.lines, "field": field, "message": message}
        return _dump({"id": asked.get("id"), "error": error})

    def _profile(self, policy: object, changes: object) -> Profile:
        name = self.default_policy if policy is None else policy
        if not isinstance(name, str):
            raise _Bad("policy", "must be the name of a policy")
        key = (name, orjson.dumps(changes) if changes else b"")
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._load(name, changes)
            if len(self._profiles) >= PROFILES_MAX:
                self._profiles.clear()
            self._profiles[key] = profile
        return profile

    def _load(self, name: str, changes: object) -> Profile:
        try:
            profile = load_profile(name, self.directory)
        except ProfileError as error:
            raise _Bad("policy", str(error)) from None
        if not isinstance(changes, dict) or not changes:
            return profile
        try:
            return override(profile, changes)
        except ProfileError as error:
            raise _Bad(f"given.profile_overrides.{error.field}", error.problem) from None


def _object(line: bytes | None) -> dict[str, object]:
    if line is None:
        raise _Bad(None, f"longer than {LINE_BYTES_MAX} bytes")
    try:
        asked = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _Bad(None, f"not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise _Bad(None, "not a JSON object")
    return asked


def _given(asked: Mapping[str, object]) -> dict[str, object]:
    if "id" not in asked:
        raise _Bad("id", "missing")
    given = asked.get("given")
    if not isinstance(given, dict):
        raise _Bad("given", "missing" if given is None else "must be an object")
    return given


def _fields(id_: object, decision: Decision) -> dict[str, object]:
    destination = decision.destination
    return {
        "id": id_,
        "outcome": decision.outcome.value,
        "amount_minor": decision.amount_minor,
        "fee_minor": decision.fee_minor,
        "destination": None if destination is None else destination.value,
        "reason": decision.reason.value,
        "deadline": instant_text(decision.deadline),
    }


def instant_text(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with six decimals."""
    return None if at is None else at.isoformat(timespec="microseconds")[:-6] + "Z"


def _dump(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
