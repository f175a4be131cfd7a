"""One tick of the audit."""

from collections.abc import Sequence

from tests.fakes.reporter import RecordingReporter
from worker.lifecycle.audit import Audit
from worker.ports.books import Finding


class Books:
    def __init__(self, *findings: Finding) -> None:
        self.findings = list(findings)

    @property
    def invariants(self) -> Sequence[str]:
        return [finding.invariant for finding in self.findings]

    async def audit(self) -> list[Finding]:
        return self.findings


async def test_every_finding_is_told_and_violations_are_counted() -> None:
    findings = Finding("sums", "They add up.", 0), Finding("ends", "It ends.", 3, ("a", "b"))
    reporter = RecordingReporter()

    found = await Audit(store=Books(*findings), reporter=reporter).tick()

    assert found == 3
    assert reporter.of("audited") == [findings]
