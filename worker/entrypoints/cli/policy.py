"""`policy list` and `policy explain`: the refund policies, and what each of them does."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, assert_never

import typer

from worker.domain.policy import Profile, ProfileError, load_profile, policy_names
from worker.domain.policy.loading import Clause, load_clauses, plain
from worker.domain.policy.schema import KEYS
from worker.entrypoints.cli.exit_codes import Exit, Failure, did_you_mean
from worker.entrypoints.cli.options import ConfigOption, policies_of
from worker.entrypoints.cli.output import (
    Format,
    OutputOption,
    write_json,
    write_line,
    write_list,
    write_rows,
)

policy_app = typer.Typer(
    help="List and explain the refund policies.", no_args_is_help=True, add_completion=False
)


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One policy, as `explain` shows it."""

    name: str
    version: str
    in_short: list[str]
    values: dict[str, object]  #: As in the file; None: the policy says nothing about it.
    clauses: list[dict[str, object]]


@policy_app.command("list")
def list_policies(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """All policies, each with its version and, in short, how its orders end."""
    policies = policies_of(config)
    pages = [_page(name, policies) for name in policy_names(policies)]
    rows = [{"name": p.name, "version": p.version, "in_short": p.in_short} for p in pages]
    cells = ([p.name, p.version, p.in_short[0]] for p in pages)
    write_list(output, rows, rows, ["POLICY", "VERSION", "IN SHORT"], cells)


@policy_app.command()
def explain(
    name: Annotated[str, typer.Argument(help="The policy, for instance P3.")],
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Every clause of a policy, what the worker does about it, and the values in force."""
    policy = _page(name, policies_of(config))
    match output:
        case Format.TEXT:
            _print(policy)
        case Format.JSON:
            write_json(asdict(policy), indent=True)
        case Format.NDJSON:
            write_json(asdict(policy))
        case _:
            assert_never(output)


def _page(name: str, policies: Path) -> PolicyPage:
    try:
        profile, clauses = load_profile(name, policies), load_clauses(name, policies)
    except ProfileError as error:
        known = policy_names(policies)
        how = Exit.BAD_CONFIG if name in known else Exit.USAGE
        near = "" if name in known else did_you_mean(name, known)
        raise Failure(how, f"{error}{near}", hint="activation-worker policy list") from None
    return PolicyPage(
        name=profile.name,
        version=profile.version,
        in_short=_in_short(profile),
        values={key: plain(getattr(profile, field)) for key, (field, _) in KEYS.items()},
        clauses=[_clause(clause) for clause in clauses],
    )


def _in_short(profile: Profile) -> list[str]:
    minutes, seconds = divmod(profile.sms_window_s, 60)
    window = f"{minutes} minutes" + (f" {seconds} seconds" if seconds else "")
    ending = (
        "the money goes back by itself"
        if profile.credits_automatically
        else "the number is closed, and the money goes back on a claim"
    )
    button = "gives the money back" if profile.cancel_credits else "only closes the number"
    sentences = [
        f"A number waits {window} for its SMS; without one {ending}.",
        f"Cancel before an SMS {button}." if profile.cancel_offered else "There is no Cancel.",
    ]
    if profile.general_window_days is not None:
        sentences.append(f"Claims are accepted for {profile.general_window_days} days.")
    return sentences


def _clause(clause: Clause) -> dict[str, object]:
    return {
        "id": clause.id,
        "says": clause.says,
        "worker": clause.worker,
        "reasons": sorted(reason.value for reason in clause.reasons),
    }


def _print(policy: PolicyPage) -> None:
    write_line(f"Policy {policy.name}, version {policy.version}")
    write_line(" ".join(policy.in_short))
    if policy.clauses:
        write_line("")
        columns = ("id", "says", "worker")
        cells = ([row[column] for column in columns] for row in policy.clauses)
        write_rows(["CLAUSE", "IT SAYS", "THE WORKER"], cells)
    write_line("")
    values = ([key, _value_text(value)] for key, value in policy.values.items())
    write_rows(["FIELD", "VALUE IN FORCE (- = the policy says nothing about it)"], values)


def _value_text(value: object) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(
                " = ".join(map(str, item)) if isinstance(item, list) else str(item)
                for item in value
            )
        case _:
            return str(value)
