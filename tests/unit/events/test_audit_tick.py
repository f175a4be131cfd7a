"""The audit goes from invariant to invariant, for as long as it takes, and on where it was cut."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.stores import UnaskedBooks
from tests.unit.lifecycle.scripted import OwnTime
from tests.unit.telemetry.test_reporter_metrics import NOW, Ops
from worker.adapters.telemetry.label_sets import LabelSets
from worker.lifecycle.audit import Audit
from worker.ports.errors import StoreError, StoreUnavailable
from worker.ports.reporter import JobResult, Reporter
from worker.ports.store.books import Finding

SUMS = Finding("sums", "They add up.", 0)
ENDS = Finding("ends", "It ends.", 3, ("a", "b"))
CODES = Finding("codes", "They are shown.", 0)
NAMES = [SUMS.invariant, ENDS.invariant, CODES.invariant]


@dataclass
class Books(UnaskedBooks):
    findings: Sequence[Finding] = (SUMS, ENDS, CODES)
    asked: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  #: Their check ends with an error.
    elsewhere: int = 0  #: How often another process is at it.
    free: asyncio.Event = field(default_factory=asyncio.Event)  #: A check waits for it.
    proven: set[str] = field(default_factory=set)  #: Before, and what is new holds.
    new_fails: Exception | None = None

    def __post_init__(self) -> None:
        self.free.set()

    @property
    def invariants(self) -> Sequence[str]:
        return [finding.invariant for finding in self.findings]

    async def check(self, invariant: str) -> Finding | None:
        self.asked.append(invariant)
        await self.free.wait()
        if self.elsewhere:
            self.elsewhere -= 1
            return None
        if invariant in self.broken:
            raise StoreUnavailable("database: gone")
        return next(one for one in self.findings if one.invariant == invariant)

    async def check_new(self, within: timedelta) -> list[Finding] | None:
        assert within == timedelta(days=1)
        if self.new_fails is not None:
            raise self.new_fails
        return [one for one in self.findings if one.invariant in self.proven]


def audit_of(
    books: Books,
    *,
    patience: timedelta = timedelta(seconds=20),
    reporter: Reporter | None = None,
) -> Audit:
    return Audit(
        books=books,
        reporter=reporter or RecordingReporter(),
        clock=OwnTime().clock(),
        patience=patience,
    )


def told_by(audit: Audit) -> RecordingReporter:
    assert isinstance(audit.reporter, RecordingReporter)
    return audit.reporter


async def test_every_finding_is_told_at_the_end_of_a_round() -> None:
    audit = audit_of(Books())

    assert await audit.tick() is JobResult.DONE
    assert told_by(audit).of("audited") == [(SUMS, ENDS, CODES)]


async def test_each_round_begins_anew() -> None:
    audit = audit_of(books := Books())

    await audit.tick()
    await audit.tick()

    assert books.asked == ["sums", "ends", "codes"] * 2
    assert told_by(audit).of("audited") == [(SUMS, ENDS, CODES)] * 2


async def test_of_what_is_proven_only_what_is_new_is_read() -> None:
    audit = audit_of(books := Books(proven={"sums", "codes"}))

    assert await audit.tick() is JobResult.DONE
    assert books.asked == ["ends"]
    assert told_by(audit).of("audited") == [(SUMS, CODES, ENDS)]


async def test_where_what_is_new_cannot_be_read_everything_is() -> None:
    audit = audit_of(books := Books(proven={"sums"}, new_fails=StoreError("too long")))

    assert await audit.tick() is JobResult.DONE
    assert books.asked == ["sums", "ends", "codes"]
    ((what, _, detail),) = told_by(audit).of("trouble")
    assert what == "audit.cut_off"
    assert detail.startswith("what is new: StoreError")


async def test_without_a_database_nothing_is_read_and_the_next_job_begins_with_what_is_new() -> (
    None
):
    audit = audit_of(books := Books(proven={"sums"}, new_fails=StoreUnavailable("gone")))

    with pytest.raises(StoreUnavailable):
        await audit.tick()
    books.new_fails = None

    assert await audit.tick() is JobResult.DONE
    assert books.asked == ["ends", "codes"]


async def test_each_finding_is_told_before_a_long_round_is_over() -> None:
    audit = audit_of(Books(proven={"codes"}))

    await audit.tick()

    told = [what for what, _ in told_by(audit).told]
    assert told == ["checked", "checked", "checked", "audited"]
    assert told_by(audit).of("checked") == [(CODES,), (SUMS,), (ENDS,)]


async def test_a_round_that_takes_long_goes_on_beside_the_jobs() -> None:
    books = Books()
    books.free.clear()
    audit = audit_of(books, patience=timedelta(0))

    assert [await audit.tick() for _ in range(3)] == [JobResult.BUSY] * 3
    assert books.asked == ["sums"]
    assert told_by(audit).of("audited") == [], "no success before the end"
    books.free.set()
    await told_by(audit).heard("audited")

    assert books.asked == ["sums", "ends", "codes"]


async def test_what_is_cut_off_goes_on_where_it_was_and_tries_what_failed_last() -> None:
    books = Books(broken={"ends"})
    audit = audit_of(books)

    with pytest.raises(StoreUnavailable):
        await audit.tick()
    assert told_by(audit).of("audited") == []
    books.broken.clear()

    assert await audit.tick() is JobResult.DONE
    assert books.asked == ["sums", "ends", "codes", "ends"]
    assert told_by(audit).of("audited") == [(SUMS, CODES, ENDS)]
    ((what, _, detail),) = told_by(audit).of("trouble")
    assert what == "audit.cut_off"
    assert detail.startswith("ends: StoreUnavailable")


async def test_an_invariant_that_never_comes_to_its_end_keeps_the_audit_from_being_a_success() -> (
    None
):
    books = Books(broken={"sums"})
    audit = audit_of(books)

    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await audit.tick()

    assert books.asked == ["sums", "ends", "codes", "sums", "sums"]
    assert told_by(audit).of("audited") == []
    assert (ENDS,) in told_by(audit).of("checked")


async def test_a_violation_pages_while_another_invariant_never_comes_to_its_end() -> None:
    ops = Ops(LabelSets(version="1", invariants=NAMES))
    audit = audit_of(Books(broken={"sums"}), reporter=ops.reporter)

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await audit.tick()

    checked = {name: ops.value("audit_checked_timestamp_seconds", invariant=name) for name in NAMES}
    assert ops.value("audit_violations", invariant="ends") == 3
    assert checked == {"sums": 0, "ends": NOW.timestamp(), "codes": NOW.timestamp()}
    assert ops.value("audit_last_success_timestamp_seconds") == 0


async def test_the_others_are_checked_again_while_one_never_comes_to_its_end() -> None:
    audit = audit_of(books := Books(broken={"sums"}))

    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            await audit.tick()

    assert books.asked == [*("sums", "ends", "codes", "sums")] * 2
    assert told_by(audit).of("checked") == [(ENDS,), (CODES,)] * 2


async def test_while_another_process_is_at_it_the_round_waits_for_its_turn() -> None:
    books = Books(elsewhere=3)
    audit = audit_of(books)

    assert await audit.tick() is JobResult.DONE
    assert books.asked == ["sums"] * 4 + ["ends", "codes"]


async def test_a_round_ends_with_its_process() -> None:
    books = Books()
    books.free.clear()
    audit = audit_of(books, patience=timedelta(0))
    await audit.tick()

    await audit.close()
    books.free.set()

    assert books.asked == ["sums"]
    assert told_by(audit).of("audited") == []


async def test_an_audit_that_never_ran_can_be_closed() -> None:
    await audit_of(Books()).close()
