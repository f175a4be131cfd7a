"""`policy list`, `explain`, `check` and `replay`: the refund policies, and what each does."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, assert_never

import typer

from worker.domain.policy import Profile, ProfileError, load_profile, policy_names
from worker.domain.policy.checking import problems_of
from worker.domain.policy.clauses import Clause, load_clauses
from worker.domain.policy.explain.page import clause_ids, sentences
from worker.domain.policy.language.content import in_force, plain
from worker.domain.policy.language.file_problems import FileProblem
from worker.entrypoints.cli.exit_codes import Exit, Failure, did_you_mean
from worker.entrypoints.cli.options import ConfigOption, policies_of
from worker.entrypoints.cli.output import (
    Format,
    OutputOption,
    say,
    write_json,
    write_line,
    write_list,
    write_rows,
)
from worker.entrypoints.cli.policy_replay import replay

policy_app = typer.Typer(
    help="List, explain and check the refund policies; replay the past under a changed one.",
    no_args_is_help=True,
    add_completion=False,
)
policy_app.command()(replay)
_IN_SHORT = {"sms.sms_window_s", "sms.auto_credit_mode", "cancel.button", "claims.window_days"}


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One policy, as `explain` shows it."""

    name: str
    version: str
    in_short: list[str]
    values: dict[str, object]  #: Of every key, also those that the file does not say.
    sentences: list[dict[str, object]]  #: Key, text, whether the file says it, clauses.
    clauses: list[dict[str, object]]


@policy_app.command("list")
def list_policies(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """All policies, each with its version and, in short, how its orders end."""
    policies = policies_of(config)
    pages = [_page(name, policies) for name in policy_names(policies)]
    rows = [{"name": p.name, "version": p.version, "in_short": p.in_short} for p in pages]
    cells = ([p.name, p.version, " ".join(p.in_short)] for p in pages)
    write_list(output, rows, rows, ["POLICY", "VERSION", "IN SHORT"], cells)


@policy_app.command()
def explain(
    name: Annotated[str, typer.Argument(help="The policy, for instance P3.")],
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """What a policy does, a sentence for each of its values and defaults, with its clauses."""
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


@policy_app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, readable=True)
    ],
    output: OutputOption = Format.TEXT,
) -> None:
    """Every problem of policy files at once: unknown keys, contradictions, keys that do nothing.

    Exits with 78 when there is any.
    """
    problems = [problem for file in files for problem in problems_of(file)]
    match output:
        case Format.TEXT:
            for problem in problems:
                write_line(str(problem))
        case Format.JSON:
            write_json({"problems": [asdict(problem) for problem in problems]}, indent=True)
        case Format.NDJSON:
            for problem in problems:
                write_json(asdict(problem))
        case _:
            assert_never(output)
    say(_counted(files, problems))
    raise typer.Exit(Exit.BAD_CONFIG if problems else Exit.OK)


def _counted(files: list[Path], problems: list[FileProblem]) -> str:
    what = "1 file" if len(files) == 1 else f"{len(files)} files"
    if not problems:
        return f"{what}: no problems"
    return f"{what}: {'1 problem' if len(problems) == 1 else f'{len(problems)} problems'}"


def _page(name: str, policies: Path) -> PolicyPage:
    try:
        profile, clauses = load_profile(name, policies), load_clauses(name, policies)
    except ProfileError as error:
        known = policy_names(policies)
        how = Exit.BAD_CONFIG if name in known else Exit.USAGE
        near = "" if name in known else did_you_mean(name, known)
        raise Failure(how, f"{error}{near}", hint="activation-worker policy list") from None
    said = _sentences(profile, clauses)
    return PolicyPage(
        name=profile.name,
        version=profile.version,
        in_short=[str(each["text"]) for each in said if each["key"] in _IN_SHORT],
        values={says: plain(value) for says, value in in_force(profile)},
        sentences=said,
        clauses=[{"id": clause.id, "says": clause.says} for clause in clauses],
    )


def _sentences(profile: Profile, clauses: tuple[Clause, ...]) -> list[dict[str, object]]:
    return [
        {
            "key": sentence.key,
            "text": sentence.words,
            "default": not sentence.said,
            "clauses": clause_ids(sentence, clauses),
        }
        for sentence in sentences(profile)
    ]


def _print(policy: PolicyPage) -> None:
    write_line(f"Policy {policy.name}, version {policy.version}")
    write_line("")
    cells = (
        [each["text"], f"{each['key']}{' (default)' if each['default'] else ''}", _ids(each)]
        for each in policy.sentences
    )
    write_rows(["THE WORKER", "BECAUSE OF", "CLAUSES"], cells)
    if policy.clauses:
        write_line("")
        write_rows(
            ["CLAUSE", "IT SAYS"], ([clause["id"], clause["says"]] for clause in policy.clauses)
        )


def _ids(sentence: dict[str, object]) -> str:
    ids = sentence["clauses"]
    assert isinstance(ids, list)
    return " ".join(ids)
