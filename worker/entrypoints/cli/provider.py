"""`provider`: list what is at risk there and end it; stop renting there, and start again."""

import asyncio
import getpass
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import typer

from worker.domain.ids import ActivationId
from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import Document, Target, connected, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import EXAMPLES, ConfigOption, TokenFileOption, UrlOption
from worker.entrypoints.cli.provider_session import (
    ProviderSession,
    start_drain,
    with_session,
    write_report,
)
from worker.entrypoints.http.responses import instant
from worker.ports.store.purchases import EndedExposure, ExposureCause, ExposureEnd, OpenExposure

LIST_MAX: Final = 10_000  #: At one time; the sums are of all.
BATCH: Final = 1000
BY_MAX: Final = 64  #: Characters of a name that are kept.
COLUMNS: Final = ("exposure", "ref", "amount", "since (UTC)", "waits for")
_WAITS_FOR: Final = {
    ExposureCause.PURSUED: "the provider: its cancel goes on, and ends it",
    ExposureCause.DISPUTED: "you: it took what it had said it gave back",
    ExposureCause.GONE: "its history, or you: it does not know the number",
    ExposureCause.LATE_CODE: "its history, or you: a code came after its cancel",
    ExposureCause.PURCHASE: "you: it never said whether it sold the number",
}

assert _WAITS_FOR.keys() == set(ExposureCause)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which exposures are to end, and how."""

    end: ExposureEnd
    ids: Sequence[UUID]
    older_than: timedelta | None
    yes: bool
    by: str | None
    corrects: Sequence[UUID] = ()  #: Those that a person ended wrongly.

    def __post_init__(self) -> None:
        given = (bool(self.ids), self.older_than is not None, bool(self.corrects))
        if sum(given) != 1:
            raise Failure(Exit.USAGE, "give one of --activation, --older-than and --corrects")


async def write_exposures(session: ProviderSession, output: out.Format) -> None:
    await session.report()
    exposures = await _open(session, timedelta(0))
    open_ = await session.purchases.exposure_by_currency(session.name)
    about = {
        "provider": session.name,
        "limit_minor": session.exposure_limit_minor,
        "currency": session.currency,
        "open": [_sum(currency, minor) for currency, minor in open_.items()],
    }
    _write_open(exposures, about, output)
    if output is out.Format.TEXT:
        _say_sums(session, open_)


async def settle_selected(
    session: ProviderSession, selection: Selection, output: out.Format
) -> None:
    await session.report()
    if selection.older_than is None:
        ids = [ActivationId(id_) for id_ in dict.fromkeys([*selection.ids, *selection.corrects])]
        ended = await _end(session, selection, ids, output)
        _check_all_ended(session, selection, ids, ended)
        return
    exposures = await _open(session, selection.older_than)
    if selection.yes or not exposures:
        await _end(session, selection, [exposure.activation_id for exposure in exposures], output)
    else:
        _preview(session, selection, exposures, output)


async def _open(session: ProviderSession, older_than: timedelta) -> list[OpenExposure]:
    exposures = await session.purchases.open_exposures(
        session.name, LIST_MAX, older_than=older_than
    )
    if len(exposures) == LIST_MAX:
        out.say(f"{session.name}: the oldest {LIST_MAX}; there may be more")
    return exposures


async def _end(
    session: ProviderSession, selection: Selection, ids: Sequence[ActivationId], output: out.Format
) -> list[EndedExposure]:
    end, by = session.purchases.end_exposures, selection.by or _login()
    if selection.corrects:
        end = session.purchases.correct_exposures
    ended: list[EndedExposure] = []
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        ended += await end(session.name, batch, selection.end, by[:BY_MAX])
    _write_ended(session, ended, output)
    now = _sum_up((each.currency, each.amount_minor) for each in ended if each.now)
    change = f"ended as {selection.end.value}: {now}" if now else "nothing is changed"
    out.say(f"{session.name}: {change}")
    return ended


def _write_open(
    exposures: Sequence[OpenExposure], about: Mapping[str, object], output: out.Format
) -> None:
    documents = [_document(exposure) for exposure in exposures]
    whole = {**about, "exposures": documents}
    out.write_list(output, documents, whole, COLUMNS, map(_row, exposures), none="")


def _check_all_ended(
    session: ProviderSession,
    selection: Selection,
    ids: Sequence[ActivationId],
    ended: Sequence[EndedExposure],
) -> None:
    """Fail where a number did not end as selected, so that a script sees it."""
    known = {exposure.activation_id for exposure in ended}
    unknown = [str(id_) for id_ in ids if id_ not in known]
    if unknown:
        hint = f"activation-worker provider exposure {session.name}"
        raise Failure(Exit.FAILED, f"no exposure there: {', '.join(unknown)}", hint=hint)
    others = [str(each.activation_id) for each in ended if each.end is not selection.end]
    if others:
        message = f"ended otherwise before, and stays so: {', '.join(others)}"
        raise Failure(Exit.OTHER_ENDING, message)


def _preview(
    session: ProviderSession,
    selection: Selection,
    exposures: Sequence[OpenExposure],
    output: out.Format,
) -> None:
    """Show what would end, because --older-than easily selects too many."""
    _write_open(exposures, {"provider": session.name, "done": False}, output)
    total = _sum_up((each.currency, each.amount_minor) for each in exposures)
    would = f"would end as {selection.end.value}: {total}"
    out.say(f"{session.name}: {would}; nothing is changed without --yes")


def _write_ended(
    session: ProviderSession, ended: Sequence[EndedExposure], output: out.Format
) -> None:
    documents = [
        {
            "id": str(exposure.activation_id),
            "amount_minor": exposure.amount_minor,
            "currency": exposure.currency,
            "state": exposure.end.value,
            "changed": exposure.now,
        }
        for exposure in ended
    ]
    whole = {"provider": session.name, "done": True, "exposures": documents}
    columns = ("exposure", "amount", "is", "since")
    out.write_list(output, documents, whole, columns, map(_ended_row, ended), none="")


def _ended_row(exposure: EndedExposure) -> list[object]:
    amount = out.money(exposure.amount_minor, exposure.currency)
    when = "now" if exposure.now else "before"
    return [exposure.activation_id, amount, exposure.end.value, when]


def _row(exposure: OpenExposure) -> list[object]:
    amount = out.money(exposure.amount_minor, exposure.currency)
    since, waits_for = out.short(exposure.opened_at), _WAITS_FOR[exposure.why]
    return [exposure.activation_id, exposure.ref, amount, since, waits_for]


def _document(exposure: OpenExposure) -> dict[str, Any]:
    return {
        "id": str(exposure.activation_id),
        "provider_ref": exposure.ref,
        "amount_minor": exposure.amount_minor,
        "currency": exposure.currency,
        "since": instant(exposure.opened_at),
        "why": exposure.why.value,
    }


def _sum(currency: str, minor: int) -> dict[str, Any]:
    return {"currency": currency, "amount_minor": minor}


def _say_sums(session: ProviderSession, open_: Mapping[str, int]) -> None:
    limit, counted = session.exposure_limit_minor, session.currency
    if not open_:
        out.say(f"{session.name}: no exposure is open")
    for currency, minor in open_.items():
        line = f"{session.name}: {out.money(minor, currency)} open"
        if not limit:
            out.say(f"{line}; there is no limit")
        elif currency == counted:
            out.say(f"{line}; nothing is rented there from {out.money(limit, counted)} on")
        else:
            out.say(f"{line}; the limit is in {counted} and does not count it")


def _sum_up(amounts: Iterable[tuple[str, int]]) -> str:
    """How many, and one sum per currency."""
    numbers, sums = 0, Counter[str]()
    for currency, minor in amounts:
        numbers += 1
        sums[currency] += minor
    parts = (out.money(minor, currency) for currency, minor in sorted(sums.items()))
    return f"{numbers} ({', '.join(parts)})" if numbers else ""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container may run under a number without a name.
        return "operator"


_STANDS: Final = {
    "taking": "takes rentals",
    "paused": "no new rentals for now",
    "draining": "no new rentals; it is left",
    "halted": "no new rentals",
}


def _tell_daemon(target: Target, name: str, act: str, note: str) -> None:
    view = asyncio.run(_told(target, name, act, note))
    why = f": {view['why']}" if view["why"] else ""
    out.say(f"{name}: {_STANDS[view['state']]}{why}")
    out.say(f"{name}: {view['live']} numbers are not settled yet")


async def _told(target: Target, name: str, act: str, note: str) -> Document:
    async with connected(target) as daemon:
        return await daemon.post(f"/v1/providers/{quote(name, safe='')}/{act}", {"note": note})


def _by_hand() -> str:
    return f"{_login()}, at the command line"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As configured.")]
NoteOption = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept and shown.")]

provider_app = typer.Typer(
    no_args_is_help=True, help="What a provider has of our money, and how to part with it."
)


@provider_app.command("report")
def report(
    name: NameArgument, config: ConfigOption = None, output: out.OutputOption = out.Format.TEXT
) -> None:
    """Show its balance, our sums, exposure, what is disputed or unexplained, and unknown numbers.

    Asks the provider for its balance and its list. Ends with 5 when it does not say its balance;
    what we know ourselves is shown all the same.
    """

    async def write(session: ProviderSession) -> None:
        raise typer.Exit(await write_report(session, output))

    with_session(config, name, write)


@provider_app.command("pause")
def pause(
    name: NameArgument,
    note: NoteOption = "",
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
) -> None:
    """Rent nothing more there for now; its numbers go on as before."""
    _tell_daemon(target_of(url, token_file, config), name, "pause", note or _by_hand())


@provider_app.command("drain")
def drain(
    name: NameArgument,
    *,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="End what waits for a code at once, with its credit. In the database."
        ),
    ] = False,
    note: NoteOption = "",
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
) -> None:
    """Take no new rentals there; each of its numbers is ended by its policy, at its deadline.

    For a provider that died for good. With --now, what still waits is ended as if its grace were
    over; what the provider may keep is exposure. Can be repeated, and shows then how far it is.
    """

    async def begin(session: ProviderSession) -> None:
        await start_drain(session, at_once=True)

    if now:
        with_session(config, name, begin)
    else:
        _tell_daemon(target_of(url, token_file, config), name, "drain", note or _by_hand())


@provider_app.command("resume")
def resume(
    name: NameArgument,
    note: NoteOption = "",
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
) -> None:
    """Take rentals there again."""
    _tell_daemon(target_of(url, token_file, config), name, "resume", note or _by_hand())


@provider_app.command("exposure")
def exposure(
    name: NameArgument, config: ConfigOption = None, output: out.OutputOption = out.Format.TEXT
) -> None:
    """List what it may still keep although the customers have it back, the oldest first.

    From the provider's exposure_limit_minor on nothing more is rented there. What waits for the
    provider ends when it answers; what waits for you, with `provider settle-exposure`.
    """

    async def show(session: ProviderSession) -> None:
        await write_exposures(session, output)

    with_session(config, name, show)


@provider_app.command(
    "settle-exposure",
    epilog="Examples:"
    + EXAMPLES
    + "activation-worker provider settle-exposure hero --as resolved --activation ID\n"
    + "activation-worker provider settle-exposure hero --as loss --older-than 30\n",
)
def settle_exposure(  # noqa: PLR0913 - each is an option
    name: NameArgument,
    *,
    as_: Annotated[
        ExposureEnd,
        typer.Option("--as", help="`resolved`: it took nothing, or paid it back. `loss`: ours."),
    ],
    activation: Annotated[
        list[UUID] | None, typer.Option(metavar="ID", help="One number; can be given again. Or")
    ] = None,
    older_than: Annotated[
        int | None,
        typer.Option(min=0, max=36_500, metavar="DAYS", help="all that are open for so long."),
    ] = None,
    corrects: Annotated[
        list[UUID] | None, typer.Option(metavar="ID", help="Or one that a person ended wrongly.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Without it, --older-than only shows what would end.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides; else the login name.")
    ] = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """End exposures that nobody else will: a person's word on who has the money.

    For what `provider exposure` lists as waiting for you, and for all of a provider that died. The
    number's timeline says who, when and what; its dispute ends; customers are not touched. Can be
    repeated. One that ended otherwise stays so (exit code 3), unless --corrects says that this was
    a mistake: by a further line in its timeline. What the provider proved stays.
    """
    open_for = None if older_than is None else timedelta(days=older_than)
    selection = Selection(as_, activation or (), open_for, yes, by, corrects or ())

    async def settle(session: ProviderSession) -> None:
        await settle_selected(session, selection, output)

    with_session(config, name, settle)
