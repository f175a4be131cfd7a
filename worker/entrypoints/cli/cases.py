"""`cases`: list what waits for a human, show a case, give the verdict."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import Target, connected, post_act, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption

COLUMNS = ("by when (UTC)", "kind", "reason", "proposed", "account", "id")
CASE_COLUMNS = ("opened (UTC)", "kind", "state", "reason", "moved", "account", "id")

cases_app = typer.Typer(
    no_args_is_help=True, help="Cases: list them, show one, open one, decide one."
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `cases list` has it.")]


@cases_app.command("list")
def list_(  # noqa: PLR0913 - each is an option
    *,
    kind: Annotated[str | None, typer.Option(help="All cases of this kind, or")] = None,
    state: Annotated[str | None, typer.Option(help="in this state, or")] = None,
    account: Annotated[str | None, typer.Option(help="of this account, or")] = None,
    activation: Annotated[str | None, typer.Option(metavar="ID", help="about this number.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All cases, newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """List everything that waits for a human, what has to be decided first first.

    With an option that says which: cases, newest first, whether they wait or not.
    """
    target = target_of(url, token_file, config)
    filters = {"kind": kind, "state": state, "account": account, "activation": activation}
    asked = {name: value for name, value in filters.items() if value is not None}
    if asked or every:
        cases = asyncio.run(_listed(target, "/v1/cases", limit, asked))
        rows = map(case_row, cases)
        out.write_list(output, cases, {"items": cases}, CASE_COLUMNS, rows, "no cases")
        return
    reviews = asyncio.run(_listed(target, "/v1/reviews", limit, {"brief": "true"}))
    none = "nothing waits for a human"
    out.write_list(output, reviews, {"items": reviews}, COLUMNS, map(row, reviews), none)


@cases_app.command("show")
def show(
    id_: IdArgument,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Show one case with its facts, its decisions and its dates. Talks to the database."""
    from worker.entrypoints.cli.store_session import ask_store
    from worker.entrypoints.http.cases import case_id_in, case_json
    from worker.entrypoints.http.problems import Problem

    try:
        case = ask_store(config, lambda store, _: store.cases.case(case_id_in(id_)))
    except Problem:
        case = None
    if case is None:
        raise Failure(Exit.FAILED, "there is no such case")
    write_case(case_json(case), output)


@cases_app.command("verdict")
def verdict(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    *,
    grant: Annotated[bool, typer.Option("--grant/--deny", help="Give the money, or do not.")],
    note: Annotated[str, typer.Option(help="Why, for whoever reads it later.")],
    finding: Annotated[
        list[str] | None, typer.Option(metavar="NAME=JSON", help="What was found out.")
    ] = None,
    amount: Annotated[
        int | None, typer.Option(min=1, help="Minor units; less than proposed, or where no sum is.")
    ] = None,
    outcome: Annotated[
        Literal["refunded", "closed", "delivered"] | None,
        typer.Option(help="How a number ends; denied, it is closed unless this says delivered."),
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Decide what waits under this id: a case, an activation in review, a rental in doubt.

    Example: activation-worker cases verdict 0191d2c4-6a3e-5f11-9c1b-7d2f0a4e8b33 --grant \\
        --note "the photo shows it" --finding client_caused=false
    """
    target = target_of(url, token_file, config)
    body = {
        "grant": grant,
        "note": note,
        "findings": _findings(finding or ()),
        **({} if amount is None else {"amount_minor": amount}),
        **({} if outcome is None else {"outcome": outcome}),
    }
    document = asyncio.run(post_act(target, f"/v1/reviews/{quote(id_, safe='')}/verdict", body))
    if output is not out.Format.TEXT:
        out.write_json(document, indent=output is out.Format.JSON)
        return
    ended = document["case"] or document["activation"] or document["rental_order"]
    out.say(f"{ended['id']} is now {ended['state']}")


def case_row(case: Mapping[str, Any]) -> list[object]:
    decision = case["decision"]
    return [
        out.short_instant(case["opened_at"]),
        case["kind"],
        case["state"],
        None if decision is None else decision["reason"],
        out.money(case["moved_minor"], case["currency"]),
        case["account"],
        case["id"],
    ]


def row(review: Mapping[str, Any]) -> list[object]:
    by_when = None if review["by_when"] is None else out.short_instant(review["by_when"])
    proposed = out.money(review["proposed_minor"], review["currency"])
    return [by_when, review["kind"], review["reason"], proposed, review["account"], review["id"]]


def write_case(case: Mapping[str, Any], output: out.Format) -> None:
    if output is not out.Format.TEXT:
        out.write_json(dict(case), indent=output is out.Format.JSON)
        return
    for name in ("id", "kind", "subject", "account", "state", "policy", "opened_at", "closed_at"):
        out.write_line(f"{name:15}{out.clean(case[name])}")
    if case["moved_minor"]:
        given = out.money(case["moved_minor"], case["currency"])
        out.write_line(f"{'given':15}{given}{_giver(case)}")
    for name, value in case["facts"].items():
        out.write_line(f"{'  ' + name:31}{out.clean(value)}")
    columns = ("at (UTC)", "outcome", "reason", "sum", "deadline", "clauses")
    out.write_rows(columns, map(_decision_row, case["decisions"]))
    for entry in case["evidence"]:
        words = " ".join(f"{name}={value}" for name, value in entry["content"].items())
        at, by = out.short_instant(entry["at"]), out.clean(entry["by"])
        out.write_line(f"{at}  {entry['what']} by {by}: {out.clean(words)}")
    for owed in case["obligations"]:
        if owed["ended_at"] is None:
            what, by_when = owed["what"].replace("_", " "), out.short_instant(owed["by_when"])
            out.write_line(f"the {owed['owed_by']} owes {what} by {by_when}")
    for timer in case["timers"]:
        out.write_line(f"{timer['kind']} rings after {out.short_instant(timer['due_at'])}")


def _giver(case: Mapping[str, Any]) -> str:
    """What the shop took itself never was on the balance, and does not go there."""
    if case["state"] != "granted":
        return ""
    return " back by the shop" if case.get("charge") == "external" else " back on the balance"


def _findings(options: Iterable[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for text in options:
        name, _, value = text.partition("=")
        if name in facts:
            raise Failure(Exit.USAGE, f"--finding {name}: given twice")
        try:
            facts[name] = json.loads(value)
        except (ValueError, RecursionError):  # ValueError: also an integer of any length.
            hint = "not NAME=JSON, like client_caused=false"
            raise Failure(Exit.USAGE, f"--finding {name}: {hint}") from None
    return facts


def _decision_row(decision: Mapping[str, Any]) -> list[object]:
    deadline = None if decision["deadline"] is None else out.short_instant(decision["deadline"])
    return [
        out.short_instant(decision["at"]),
        decision["outcome"],
        decision["reason"],
        decision["amount_minor"],
        deadline,
        " ".join(decision["clauses"]),
    ]


async def _listed(
    target: Target, path: str, limit: int, filters: Mapping[str, str]
) -> list[dict[str, Any]]:
    async with connected(target) as daemon:
        return [item async for item in daemon.pages(path, limit, **filters)]
