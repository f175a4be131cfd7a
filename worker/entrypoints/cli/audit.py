"""`audit`: every invariant of money and states, over the whole database."""

from collections.abc import Sequence

import typer

from worker.entrypoints.cli.exit_codes import Exit
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_list
from worker.ports.store.books import Finding


def audit(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """Prove that the books balance: check every invariant of money and states.

    Each is shown with its number of violations and a few offenders. Ends with 0 only when all
    hold, with 1 otherwise.
    """
    from worker.entrypoints.cli.store_session import ask_store

    findings = ask_store(config, lambda store, _: store.books.audit())
    raise typer.Exit(write_findings(findings, output))


def write_findings(findings: Sequence[Finding], output: Format) -> Exit:
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
    holds = bool(findings) and not broken
    columns = ("invariant", "violations", "what must hold", "offenders")
    rows = ([f.invariant, f.violations, f.says, " ".join(f.offenders)] for f in findings)
    write_list(output, documents, {"holds": holds, "findings": documents}, columns, rows)
    if output is Format.TEXT:
        say(f"all {len(findings)} invariants hold" if holds else f"{broken} do not hold")
    return Exit.OK if holds else Exit.FAILED
