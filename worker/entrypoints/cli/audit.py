"""`audit`: every invariant of money and states, over the whole database."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import typer

from worker.entrypoints.cli.exit_codes import Exit
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_list
from worker.ports.errors import StoreError
from worker.ports.store.books import AuditUnfinished, Finding

NOTHING: Final[Mapping[str, StoreError]] = MappingProxyType({})


def audit(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """Prove that the books balance: check every invariant of money and states.

    Each is shown with its number of violations and a few offenders. Ends with 0 only when all
    hold, with 1 where one is violated; else with why one could not be checked.
    """
    from worker.entrypoints.cli.store_session import ask_store

    try:
        findings = ask_store(config, lambda store, _: store.books.audit())
    except AuditUnfinished as unfinished:
        write_findings(unfinished.findings, output, unfinished.failed)
        if any(finding.violations for finding in unfinished.findings):
            raise typer.Exit(Exit.FAILED) from None
        raise next(iter(unfinished.failed.values())) from None
    raise typer.Exit(write_findings(findings, output))


def write_findings(
    findings: Sequence[Finding], output: Format, failed: Mapping[str, StoreError] = NOTHING
) -> Exit:
    documents = [
        {
            "invariant": finding.invariant,
            "says": finding.says,
            "violations": finding.violations,
            "offenders": list(finding.offenders),
        }
        for finding in findings
    ]
    broken = sum(finding.violations > 0 for finding in findings)
    # An empty list means that nothing was checked.
    holds = bool(findings) and not broken and not failed
    columns = ("invariant", "violations", "what must hold", "offenders")
    rows = ([f.invariant, f.violations, f.says, " ".join(f.offenders)] for f in findings)
    why = {name: str(error).removeprefix("database: ") for name, error in failed.items()}
    whole = {"holds": holds, "findings": documents, "not_checked": why}
    write_list(output, documents, whole, columns, rows)
    if output is not Format.JSON:  # That has it in its document.
        for invariant, reason in why.items():
            say(f"{invariant} was not checked: {reason}")
    if output is Format.TEXT and (broken or not failed):
        say(f"all {len(findings)} invariants hold" if holds else f"{broken} do not hold")
    return Exit.OK if holds else Exit.FAILED
