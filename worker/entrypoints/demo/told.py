"""The report of a demo, as a table for people or as data."""

from typing import Any

from worker.entrypoints.cli.output import Format, say, write_json, write_line, write_rows
from worker.entrypoints.demo.proof import SHOWN_MAX, Report

STATES = ("delivered", "refunded", "closed", "in_review")


def tell(report: Report, output: Format) -> None:
    if output is Format.TEXT:
        _text(report)
    else:
        write_json(document(report), indent=output is Format.JSON)
    for line in report.wrong[:SHOWN_MAX]:
        say(f"WRONG: {line}")
    if len(report.wrong) > SHOWN_MAX:
        say(f"WRONG: and {len(report.wrong) - SHOWN_MAX} more")


def document(report: Report) -> dict[str, Any]:
    late = report.lateness
    return {
        "holds": report.holds,
        "numbers": report.numbers,
        "seconds": round(report.seconds, 1),
        "endings": report.endings,
        "reasons": report.reasons,
        "credit_lateness_seconds": None
        if late is None
        else {"p50": round(late.p50, 3), "p99": round(late.p99, 3), "max": round(late.max, 3)},
        "credited_by_grace": report.by_grace,
        "charged_but_credited": report.late_codes,
        "wrong": list(report.wrong),
        "audit": [
            {"invariant": f.invariant, "says": f.says, "violations": f.violations}
            for f in report.findings
        ],
    }


def _text(report: Report) -> None:
    rows = [
        [behaviour, sum(states.values()), *(states.get(state, 0) or None for state in STATES)]
        for behaviour, states in report.endings.items()
    ]
    write_rows(("what happened", "numbers", *STATES), rows)
    write_line("")
    if (late := report.lateness) is not None:
        write_line(
            f"credit lateness after the deadline: p50 {late.p50:.2f} s,"
            f" p99 {late.p99:.2f} s, max {late.max:.2f} s"
        )
    write_line(f"credited while the provider was away, the grace being over: {report.by_grace}")
    write_line(f"credited although the provider charged (late codes): {report.late_codes}")
    write_line("")
    write_rows(
        ("invariant", "violations", "what must hold"),
        [[f.invariant, f.violations, f.says] for f in report.findings],
    )
    write_line("")
    verdict = "every number ended as it must, and the books balance" if report.holds else "WRONG"
    write_line(f"{report.numbers} numbers in {report.seconds:.0f} s: {verdict}")
