"""`decide`: questions to the refund policies as NDJSON lines, each answered by one line."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Protocol

import orjson
import typer

from worker.domain import policy as policies
from worker.domain.policy import (
    Decision,
    FactError,
    Profile,
    ProfileError,
    load_profile,
)
from worker.domain.policy.language.loading import own_names, policy_names, profile_from
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption, policies_of
from worker.entrypoints.cli.output import say

CHUNK_BYTES = 1 << 16
LINE_BYTES_MAX = 1 << 20
PROFILES_MAX = 256  #: Loaded policies that are kept, also those with replaced values.
NEWLINE = b"\n"


class Source(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _BadLine(ValueError):
    """The line is answered by an error line."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def line_batches(source: Source) -> Iterator[list[bytes | None]]:
    """The lines that one read gives; None is a line longer than LINE_BYTES_MAX.

    So a program that writes one line and waits gets its answer, and a million lines cost few
    system calls.
    """
    pending, too_long = b"", False
    while chunk := source.read1(CHUNK_BYTES):
        *complete, pending = (pending + chunk).split(NEWLINE)
        batch: list[bytes | None] = list(complete)
        if complete and too_long:
            batch[0], too_long = None, False
        if len(pending) > LINE_BYTES_MAX:
            pending, too_long = b"", True
        yield batch
    if pending or too_long:
        yield [None if too_long else pending]


@dataclass(slots=True)
class LineDecider:
    """Answers lines, and counts those that could not be decided."""

    default_policy: str
    directory: Path | None = None
    policies_dir: Path | None = None  #: Whose files are known besides those of the directory.
    lines: int = 0
    errors: int = 0
    _profiles: dict[tuple[object, bytes], Profile] = field(default_factory=dict)

    @property
    def profiles_kept(self) -> int:
        return len(self._profiles)

    def decide(self, batch: Iterable[bytes | None]) -> bytes:
        """One answer per line, in order; empty lines have none."""
        answers: list[bytes] = []
        for line in batch:
            self.lines += 1
            if line is None or line.strip():
                answers.append(self._answer(line))
        return b"".join(answers)

    def _answer(self, line: bytes | None) -> bytes:
        document: dict[str, object] = {}
        try:
            document = _object(line)
            given = _given(document)
            question = policies.question_from(given)
            profile = self._profile(_policy_of(document), given.get("profile_overrides"))
            decision = policies.decide(profile, question.op, question.facts, question.now)
        except _BadLine as error:
            return self._error(document, error.field, error.message)
        except FactError as error:
            return self._error(document, error.field, error.problem)
        return _dump(_fields(document["id"], decision))

    def _error(self, document: Mapping[str, object], field: str | None, message: str) -> bytes:
        self.errors += 1
        error = {"line": self.lines, "field": field, "message": message}
        return _dump({"id": document.get("id"), "error": error})

    def _profile(self, policy: str | dict[str, object] | None, changes: object) -> Profile:
        chosen = self.default_policy if policy is None else policy
        named = isinstance(chosen, str)
        key = (chosen if named else orjson.dumps(chosen), orjson.dumps(changes) if changes else b"")
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._load(chosen, changes)
            if len(self._profiles) >= PROFILES_MAX:
                self._profiles.clear()
            self._profiles[key] = profile
        return profile

    def _load(self, policy: str | dict[str, object], changes: object) -> Profile:
        try:
            if isinstance(policy, dict):
                profile = profile_from(policy, name="policy", file="policy")
            else:
                profile = load_policy(policy, self.policies_dir, self.directory)
        except ProfileError as error:
            raise _BadLine("policy", str(error)) from None
        if not isinstance(changes, dict) or not changes:
            return profile
        try:
            return policies.override(profile, changes)
        except ProfileError as error:
            raise _BadLine(f"given.profile_overrides.{error.field}", error.problem) from None


def _object(line: bytes | None) -> dict[str, object]:
    if line is None:
        raise _BadLine(None, f"longer than {LINE_BYTES_MAX} bytes")
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _BadLine(None, f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _BadLine(None, "not a JSON object")
    try:
        orjson.dumps(document)  # It reads deeper than it writes, and the answer repeats the id.
    except orjson.JSONEncodeError:
        raise _BadLine(None, "nested too deeply") from None
    return document


def load_policy(name: str, policies_dir: Path | None, directory: Path | None) -> Profile:
    """The policy of this name: a file of *policies_dir* stands before one that is configured."""
    if policies_dir is not None and (
        name in own_names(policies_dir) or name not in policy_names(directory)
    ):
        return load_profile(name, policies_dir)
    return load_profile(name, directory)


def _policy_of(document: Mapping[str, object]) -> str | dict[str, object] | None:
    """What a line is decided by: `policy` (a name, or a whole policy) or `policy_file`."""
    policy, file = document.get("policy"), document.get("policy_file")
    if file is None:
        if policy is None or isinstance(policy, str | dict):
            return policy
        raise _BadLine("policy", "must be the name of a policy, or a whole one")
    if policy is not None:
        raise _BadLine("policy_file", "must not stand beside policy: a line has one")
    if not isinstance(file, str):
        raise _BadLine("policy_file", "must be the name of a policy file")
    return file.removesuffix(".toml")


def _given(document: Mapping[str, object]) -> dict[str, object]:
    if "id" not in document:
        raise _BadLine("id", "missing")
    given = document.get("given")
    if not isinstance(given, dict):
        raise _BadLine("given", "missing" if given is None else "must be an object")
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


def decide(
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="The policy of lines that name none.")
    ] = "default",
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Lines of JSON; standard input without it, or with -.",
        ),
    ] = None,
    policies_dir: Annotated[
        Path | None,
        typer.Option(
            "--policies-dir",
            metavar="DIR",
            exists=True,
            file_okay=False,
            readable=True,
            help="Policy files that are known by their names, besides the configured ones.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Decide refund questions: NDJSON in, NDJSON out, in order.

    One question per line: {"id": …, "policy": "P3", "given": {"op": "order_tick", …}}. Instead of
    the name of a policy a line may hold a whole one, or name a "policy_file".
    A line that cannot be decided is answered by an error line, and the exit code is 1.
    """
    directory = policies_of(config)
    _check(policy, policies_dir, directory)
    try:
        failed = _decide_all(LineDecider(policy, directory, policies_dir), input_)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader has closed the pipe; Python would raise again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        failed = True
    raise typer.Exit(Exit.FAILED if failed else Exit.OK)


def _check(policy: str, policies_dir: Path | None, directory: Path) -> None:
    """Refuses an unusable policy before the first line, instead of with each."""
    try:
        load_policy(policy, policies_dir, directory)
    except ProfileError as error:
        hint = "activation-worker policy list"
        raise Failure(Exit.USAGE, f"--policy: {error}", hint=hint) from None


def _decide_all(decider: LineDecider, file: Path | None) -> bool:
    """Whether any line could not be decided."""
    with _source(file) as source:
        for batch in line_batches(source):
            sys.stdout.buffer.write(decider.decide(batch))
            sys.stdout.buffer.flush()
    if decider.errors:
        say(f"{decider.errors} of {decider.lines} lines could not be decided")
    return decider.errors > 0


def _source(file: Path | None) -> BufferedReader:
    if file is not None and str(file) != "-":
        try:
            return file.open("rb")
        except OSError as error:
            message = f"--input: {file} cannot be read: {error.strerror}"
            raise Failure(Exit.USAGE, message) from None
    if sys.stdin is None:
        raise Failure(Exit.USAGE, "standard input is closed", hint="--input FILE, or a pipe")
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
