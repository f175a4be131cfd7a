"""`cases`, further: what the customer or the shop says in a case, one command for each call."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.cases import IdArgument, cases_app, write_case
from worker.entrypoints.cli.client import Daemon, Target, acting, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.finding import whole_id
from worker.entrypoints.cli.options import (
    AtOption,
    ConfigOption,
    TokenFileOption,
    UrlOption,
    instant,
)

__all__ = ["cases_app"]

_EITHER: Final = ("claims", "withdrawals")  #: Tried in this order, where both have the call.

ClaimAtOption = Annotated[
    str | None,
    typer.Option(metavar="INSTANT", callback=instant, help="When the customer asked; else now."),
]
IssueAtOption = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT", callback=instant, help="When it went wrong, as the customer says."
    ),
]
StoppedAtOption = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT", callback=instant, help="Since when it is dead, as the customer says."
    ),
]
DetailOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=TEXT", help="Where to pay to.")
]
EvidenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--evidence",
        metavar="KIND[=WHERE]",
        help="screenshot, screenshot_2fa, photo or video; and where it is.",
    ),
]
ReasonOption = Annotated[str | None, typer.Option(help="In the customer's words.")]
ChannelOption = Annotated[str | None, typer.Option(help="How the customer told it.")]
FieldsOption = Annotated[
    list[str] | None, typer.Option("--field", metavar="NAME", help="What the request has.")
]


@cases_app.command("claim")
def claim(  # noqa: PLR0913 - each is an option
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As the policy calls it.")],
    *,
    activation: Annotated[
        str | None, typer.Option(metavar="ID", help="The number it is about, or")
    ] = None,
    rental: Annotated[
        str | None, typer.Option(metavar="ID", help="the long rental it is about.")
    ] = None,
    reason: ReasonOption = None,
    channel: ChannelOption = None,
    claim_at: ClaimAtOption = None,
    issue_at: IssueAtOption = None,
    stopped_at: StoppedAtOption = None,
    field: FieldsOption = None,
    evidence: EvidenceOption = None,
    destination: Annotated[str, typer.Option(help="Where the money is to go.")] = "balance",
    detail: DetailOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Open a claim about a number or a long rental; the same again is the same claim.

    Example: activation-worker cases claim operator_block \\
        --rental 0191d2c4-6a3e-5f11-9c1b-7d2f0a4e8b33 --reason "it is dead"
    """
    if (activation is None) == (rental is None):
        raise Failure(Exit.USAGE, "give either --activation or --rental")
    said = _said(reason, channel, field, evidence)
    instants = _given(claim_at=claim_at, issue_at=issue_at, stopped_at=stopped_at)
    where = _given(destination=destination, payment_details=_details(detail))
    about = _given(claim_kind=kind, activation=activation, rental=rental)
    target = target_of(url, token_file, config)
    body = {**about, **said, **instants, **where}
    write_case(asyncio.run(_post(target, ["/v1/claims"], body)), output)


@cases_app.command("note")
def note(
    id_: IdArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Note something about a claim or a withdrawal."""
    _say(target_of(url, token_file, config), id_, "notes", {"note": text}, output)


@cases_app.command("evidence")
def evidence(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    *,
    evidence: EvidenceOption = None,
    reason: ReasonOption = None,
    channel: ChannelOption = None,
    field: FieldsOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Add what a claim was missing."""
    body = _said(reason, channel, field, evidence)
    _say(target_of(url, token_file, config), id_, "evidence", body, output, "claims")


@cases_app.command("access")
def access(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    event: Annotated[
        Literal["requested", "granted", "refused"], typer.Argument(help="What happened.")
    ],
    *,
    at: AtOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that access to the customer's host was asked for, granted or refused."""
    body = _given(event=event, at=at)
    _say(target_of(url, token_file, config), id_, "access", body, output, "claims")


@cases_app.command("rectified")
def rectified(
    id_: IdArgument,
    at: AtOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that the defect is repaired."""
    _say(target_of(url, token_file, config), id_, "rectified", _given(at=at), output, "claims")


@cases_app.command("contest")
def contest(
    id_: IdArgument,
    reason: Annotated[str, typer.Option(help="In the customer's words.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that a repair does not hold, once."""
    _say(target_of(url, token_file, config), id_, "contest", {"reason": reason}, output, "claims")


@cases_app.command("choice")
def choice(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    choice: Annotated[Literal["refund", "replacement"], typer.Argument(help="His choice.")],
    *,
    value: Annotated[
        int | None, typer.Option(min=0, help="What a replacement is worth, in minor units.")
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell what the customer chooses where a repair is missed."""
    body = _given(choice=choice, replacement_value_minor=value)
    _say(target_of(url, token_file, config), id_, "choice", body, output, "claims")


@cases_app.command("replacement")
def replacement(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    *,
    activation: Annotated[str | None, typer.Option(metavar="ID", help="The new number, or")] = None,
    rental: Annotated[
        str | None, typer.Option(metavar="ID", help="the new long rental, or")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="that none can be had.")] = False,
    value: Annotated[
        int | None, typer.Option(min=0, help="What it is worth, in minor units.")
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Link what replaces the order of a claim, or tell that nothing does."""
    if [activation is not None, rental is not None, none].count(True) != 1:
        raise Failure(Exit.USAGE, "give one of --activation, --rental and --none")
    body = _given(
        activation=activation,
        rental=rental,
        available=False if none else None,
        value_minor=value,
    )
    _say(target_of(url, token_file, config), id_, "replacement", body, output, "claims")


@cases_app.command("kyc")
def kyc(
    id_: IdArgument,
    status: Annotated[Literal["requested", "passed", "failed"], typer.Argument(help="How it is.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell how the proof of the wallet's owner stands."""
    _say(target_of(url, token_file, config), id_, "kyc", {"status": status}, output)


@cases_app.command("alternative")
def alternative(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    event: Annotated[Literal["offered", "agreed"], typer.Argument(help="What happened.")],
    *,
    method: Annotated[str, typer.Option(help="Of payment.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that another way of payment was offered, or agreed with the customer."""
    body = {"event": event, "method": method}
    _say(target_of(url, token_file, config), id_, "alternative", body, output)


@cases_app.command("paid")
def paid(
    id_: IdArgument,
    *,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            callback=instant,
            help="Not yet: it will be by then, for a reason beyond us.",
        ),
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that a claim or a withdrawal was paid out."""
    body = {} if until is None else {"extension_until": until, "extension_beyond_control": True}
    _say(target_of(url, token_file, config), id_, "paid", body, output)


@cases_app.command("payment-info")
def payment_info(  # noqa: PLR0913 - each is an option
    id_: IdArgument,
    event: Annotated[
        Literal["requested", "provided", "added"],
        typer.Argument(help="We asked, he answered, or what the request lacked came."),
    ],
    *,
    at: AtOption = None,
    field: FieldsOption = None,
    evidence: EvidenceOption = None,
    reason: ReasonOption = None,
    channel: ChannelOption = None,
    detail: DetailOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell what was asked or told about how a withdrawal is to be paid."""
    told = _given(event=event, at=at, payment_details=_details(detail))
    body = {**told, **_said(reason, channel, field, evidence)}
    _say(target_of(url, token_file, config), id_, "payment-info", body, output, "withdrawals")


@cases_app.command("withdraw")
def withdraw(  # noqa: PLR0913 - each is an option
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose money leaves.")],
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="Of the request.")],
    *,
    amount: Annotated[int | None, typer.Option(min=1, help="Minor units; else all.")] = None,
    why: Annotated[str | None, typer.Option(help="As the policy calls it.")] = None,
    reason: ReasonOption = None,
    channel: ChannelOption = None,
    claim_at: ClaimAtOption = None,
    field: FieldsOption = None,
    evidence: EvidenceOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Ask for money of an account; the same reference again is the same request."""
    asked = _given(account=account, reference=reference, amount_minor=amount)
    given = _given(withdraw_reason=why, claim_at=claim_at)
    body = {**asked, **given, **_said(reason, channel, field, evidence)}
    target = target_of(url, token_file, config)
    write_case(asyncio.run(_post(target, ["/v1/withdrawals"], body)), output)


@cases_app.command("take-back")
def take_back(
    id_: IdArgument,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Take a withdrawal back while nobody paid it."""
    _say(target_of(url, token_file, config), id_, "cancel", {}, output, "withdrawals")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _said(
    reason: str | None, channel: str | None, fields: list[str] | None, evidence: list[str] | None
) -> dict[str, Any]:
    """The customer's statement, of a request or of what it lacked."""
    pieces = None if evidence is None else [_piece(text) for text in evidence]
    return _given(reason=reason, claim_channel=channel, request_fields=fields, evidence=pieces)


def _piece(text: str) -> str | dict[str, str]:
    kind, equals, where = text.partition("=")
    if not equals:
        return kind
    if not where:
        raise Failure(Exit.USAGE, f"--evidence {text}: not KIND or KIND=WHERE")
    return {"kind": kind, "reference": where}


def _details(options: list[str] | None) -> dict[str, str] | None:
    if options is None:
        return None
    details = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise Failure(Exit.USAGE, f"--detail {text}: not NAME=TEXT")
        details[name] = value
    return details


def _say(
    target: Target,
    id_: str,
    step: str,
    body: Mapping[str, Any],
    output: out.Format,
    noun: str | None = None,
) -> None:
    part = quote(whole_id(id_), safe="")
    nouns = _EITHER if noun is None else (noun,)
    paths = [f"/v1/{each}/{part}/{step}" for each in nouns]
    write_case(asyncio.run(_post(target, paths, body)), output)


async def _post(target: Target, paths: list[str], body: Mapping[str, Any]) -> dict[str, Any]:
    """To the first of these that there is."""
    async with acting(target) as daemon:
        for path in paths[:-1]:
            if (found := await _found(daemon, path, body)) is not None:
                return found
        return await daemon.post(paths[-1], dict(body))


async def _found(daemon: Daemon, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return await daemon.post(path, dict(body))
    except Failure as failure:
        if failure.code != "not-found":
            raise
        return None
