"""Audit: prove every invariant over the whole database, and tell ops what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.ports.books import AuditStore, Finding
from worker.ports.reporter import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Changes nothing: what is wrong needs a person, and the alert brings one."""

    store: AuditStore
    reporter: Reporter

    async def tick(self) -> int:
        """One audit; how many rows break an invariant."""
        findings = await self.store.audit()
        self.reporter.audited(findings)
        return violations(findings)


def violations(findings: Sequence[Finding]) -> int:
    return sum(finding.violations for finding in findings)
