"""Families that other packages bring: found by their entry points, bounded in what they break."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.fakes.turns import until
from tests.family_packages import example, installed
from tests.unit.providers.adapter_world import KEY, World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.outside import OutsideAccount
from worker.adapters.providers.pushes import UnreadablePush
from worker.adapters.providers.registry import build_provider, build_rentals, parse_push
from worker.adapters.providers.table import abilities_of_packages, section
from worker.domain.families import NoSuchFamily, capabilities_of, family_names
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.provider import Provider, RentRequest
from worker.simulator.config import BadScript, configured
from worker.simulator.faces import face_of

REF = ProviderRef("4711")
CARRIERS: dict[str, str] = {}  #: None: whatever is looked up is missing.
#: A family that does whatever the test puts into `DOES`.
WILD = """
from worker.adapters.providers.family import FamilyAdapter
from worker.domain.families import Capabilities
from worker.ports.provider import Circuit

DOES = {}


class Account:
    circuit = Circuit.CLOSED
    rentals_http = None

    def __init__(self, config, context):
        DOES.get("made", lambda *_: None)(config, context)

    def __getattr__(self, name):
        async def call(*args):
            does = DOES[name]
            return await does() if __import__("inspect").iscoroutinefunction(does) else does()

        return call


CAPABILITIES = Capabilities(list_page_size=100, history=True, push=True, report=True)
ADAPTER = FamilyAdapter(
    Account,
    parse_push=lambda body: DOES["push"](body),
    is_signed=lambda raw, headers, secret: DOES["signed"](),
)
"""
Packaged = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def packaged(tmp_path: Path) -> Packaged:
    return lambda text, **entries: installed(tmp_path, {"wild.py": text}, **entries)


@pytest.fixture
def does(packaged: Packaged) -> Iterator[dict[str, Any]]:
    """What the wild family does when it is called by that name."""
    with packaged(WILD, wild="wild"):
        capabilities_of("wild", "classic")
        module: Any = __import__("wild")
        module.DOES["close"] = lambda: None
        yield module.DOES


@contextmanager
def refused(words: str) -> Iterator[None]:
    with pytest.raises(NoSuchFamily, match=words):
        yield


def wild(world: World, timeout_s: float = 5.0) -> Provider:
    return build_provider(config("http://127.0.0.1:9", "wild"), world.context(timeout_s))


async def test_the_example_is_a_family_like_any_other(tmp_path: Path) -> None:
    shipped = section()
    files, _ = example()

    with installed(tmp_path, files, pigeon="pigeon_provider"):
        provider = build_provider(config("http://127.0.0.1:9", "pigeon"), World().context())
        face = face_of(configured(None, family="pigeon"))
        rows = [(family, dialect) for family, dialect, _ in abilities_of_packages()]
        names = family_names()
        await provider.close()

    assert isinstance(provider, OutsideAccount)
    assert (type(face).__name__, rows, names[-1]) == ("PigeonFace", [("pigeon", "")], "pigeon")
    assert section() == shipped, "the README's table has what ships, whatever is installed"
    assert "pigeon" not in family_names()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise OSError('no such carrier')", "wild-family 1.0.0 cannot be used: OSError: no such"),
        ("raise SystemExit(3)", "cannot be used: SystemExit"),
        ("import nowhere_to_be_found", "cannot be used: ModuleNotFoundError"),
        ("", "CAPABILITIES is neither"),
        ("CAPABILITIES = {'X': 1}", "CAPABILITIES is neither"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(packaged: Packaged, text: str, words: str) -> None:
    with packaged(text, wild="wild"), refused(words):
        capabilities_of("wild", "classic")


def test_no_package_takes_the_name_of_another_family(packaged: Packaged, tmp_path: Path) -> None:
    second = {"wild_too.py": WILD}
    with packaged(WILD, fivesim="wild", wild="wild"):
        assert capabilities_of("fivesim", "classic").rentals, "what ships stays what it is"
        with installed(tmp_path / "second", second, wild="wild_too"), refused("which of them"):
            capabilities_of("wild", "classic")


def test_a_family_without_a_face_or_an_adapter_says_so(packaged: Packaged) -> None:
    with packaged(WILD.replace("ADAPTER", "OTHER"), wild="wild"):
        with pytest.raises(BadScript, match="wild brings no simulator"):
            face_of(configured(None, family="wild"))
        with pytest.raises(ValueError, match="ADAPTER is no FamilyAdapter"):
            wild(World())


def test_dialects_are_those_the_package_names(packaged: Packaged) -> None:
    text = WILD.replace("CAPABILITIES = ", "CAPABILITIES = {'coo': Capabilities()}\n_ = ")
    with packaged(text, wild="wild"):
        assert not capabilities_of("wild", "coo").push
        with pytest.raises(ValueError, match="unknown dialect classic"):
            wild(World())


async def deaf() -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


def raises(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (raises(ValueError(KEY)), "raised ValueError"),
        (raises(SystemExit(1)), "raised RuntimeError"),
        (raises(asyncio.CancelledError()), "raised RuntimeError"),
        (raises(ProviderUnavailable("wild", "x", sent="no")), "raised a ProviderUnavailable"),  # type: ignore[arg-type] # a wild answer
        (asyncio.Event().wait, "did not end"),
    ],
)
async def test_whatever_it_raises_is_no_information(
    does: dict[str, Any], call: Callable[[], Any], why: str
) -> None:
    does["rent"] = call
    world = World()
    provider = wild(world, timeout_s=0.2)

    with pytest.raises(ProviderUnavailable, match=why) as raised:
        await provider.rent(RentRequest("go", "2"))
    await provider.close()

    assert raised.value.sent, "it may be bought"
    assert [event for event, _ in world.troubles] == ["provider.family_failed"]
    assert KEY not in f"{world.troubles}{raised.value}"


@pytest.mark.parametrize(
    ("error", "sent", "retry_after"),
    [
        (ProviderRefused("wild", f"bad key {KEY}"), None, None),
        (UnknownReply("wild", "SOMETHING:79991234567"), None, None),
        (
            ProviderUnavailable(
                "wild", "request 1234567 refused", sent=False, retry_after=timedelta(seconds=9)
            ),
            False,
            timedelta(seconds=9),
        ),
        (ProviderUnavailable("wild", "1234567", retry_after=timedelta(days=9)), True, None),
    ],
)
async def test_an_error_whose_words_may_hold_a_phone_keeps_what_it_means(
    does: dict[str, Any], error: ProviderError, sent: bool | None, retry_after: timedelta | None
) -> None:
    does["rent"] = raises(error)
    world = World()
    provider = wild(world)

    with pytest.raises(ProviderError) as raised:
        await provider.rent(RentRequest("go", "2"))
    await provider.close()

    assert type(raised.value) is type(error)
    assert getattr(raised.value, "sent", None) is sent
    assert getattr(raised.value, "retry_after", None) == retry_after
    assert error.detail not in f"{world.troubles}{raised.value}"


@pytest.mark.parametrize("key", ["a+b/c=", "two words", "100%"])
@pytest.mark.parametrize("written", [str, quote, quote_plus, partial(quote, safe="")])
async def test_a_key_in_an_error_is_found_however_it_is_written(
    does: dict[str, Any], key: str, written: Callable[[str], str]
) -> None:
    does["look"] = raises(UnknownReply("wild", f"GET /?key={written(key)}"))
    world = World()
    with_key = replace(config("http://127.0.0.1:9", "wild"), api_key=key)
    provider = build_provider(with_key, world.context(5.0))

    with pytest.raises(UnknownReply, match="words are not told") as raised:
        await provider.look(REF)
    await provider.close()

    assert written(key) not in f"{world.troubles}{raised.value}"


async def test_what_it_is_allowed_to_raise_passes(does: dict[str, Any]) -> None:
    does["look"] = raises(UnknownReply("wild", "HTTP 200: unreadable JSON, 2 bytes"))
    world = World()
    provider = wild(world)

    with pytest.raises(UnknownReply, match="2 bytes"):
        await provider.look(REF)
    await provider.close()

    assert world.troubles == []


async def test_one_that_blocks_its_thread_stops_nobody_else(does: dict[str, Any]) -> None:
    released = threading.Event()
    does["look"] = released.wait
    world = World()
    provider = wild(world, timeout_s=1.0)
    async with (
        raw_provider(http("STATUS_WAIT_CODE")) as raw,
        talking_to(config(raw.url), World()) as other,
    ):
        hanging = [asyncio.ensure_future(provider.look(REF)) for _ in range(3)]
        answers = [await other.look(REF) for _ in range(20)]
        still_hung = not any(each.done() for each in hanging)
        ended = await asyncio.gather(*hanging, return_exceptions=True)
        released.set()
    await provider.close()

    assert answers == [port.Waiting()] * 20
    assert still_hung
    assert all(isinstance(each, ProviderUnavailable) for each in ended)


async def test_one_that_blocks_its_thread_is_asked_nothing_until_it_runs_again(
    does: dict[str, Any],
) -> None:
    """Else each call would take its whole time and be kept in that thread's line for ever."""
    released = threading.Event()
    does |= {"look": released.wait, "balance": lambda: port.Balance(1, "USD")}
    provider = wild(World(), timeout_s=0.2)
    with pytest.raises(ProviderUnavailable, match="did not end"):
        await provider.look(REF)

    for _ in range(100):
        with pytest.raises(ProviderUnavailable, match="blocks its thread") as raised:
            await provider.look(REF)
        assert not raised.value.sent
    blocked = provider.circuit
    released.set()
    await until(lambda: provider.circuit is port.Circuit.CLOSED)

    assert blocked is port.Circuit.OPEN
    assert await provider.balance() == port.Balance(1, "USD")
    await provider.close()


async def test_one_that_is_deaf_to_being_cancelled_is_left_behind(does: dict[str, Any]) -> None:
    does |= {"look": deaf, "balance": lambda: port.Balance(-3, "USD")}
    provider = wild(World(), timeout_s=0.2)

    with pytest.raises(ProviderUnavailable, match="did not end"):
        await provider.look(REF)

    assert await provider.balance() == port.Balance(-3, "USD")
    await provider.close()


NOW = datetime(2026, 3, 1, tzinfo=UTC)
RENTED = port.Rented(REF, "79001234567", 25, "USD", NOW, timedelta(minutes=20), NOW)
SMS = port.Sms("482913", "Your code: 482913", NOW)
ROW = port.ActiveRow(REF, (SMS,), "79001234567", "go", "2", 25, "USD", NOW)
PAST = port.PastNumber(ref=REF, fate=PriceFate.KEPT, cost_minor=3)
RIGHT: dict[str, list[Any]] = {
    "rent": [RENTED, port.NoRent.NO_NUMBERS],
    "look": [port.Waiting(), port.CodesArrived((SMS,)), port.Ended(), port.NotKnown()],
    "cancel": [port.Ended(PriceFate.GIVEN_BACK), port.Refused(port.Refusal.EARLY)],
    "ask_again": [True, False],
    "report": [port.Ended(), port.Refused(port.Refusal.UNCLEAR)],
    "balance": [port.Balance(0, "USD")],
    "list_active": [port.ActivePage((ROW,), last=True), port.ActivePage([], last=False)],
    "history": [port.HistoryPage([PAST], None), port.HistoryPage((), 100)],
}
WRONG: dict[str, list[Any]] = {
    "rent": [
        None, "ok", SimpleNamespace(ref="1"), port.Waiting(),
        replace(RENTED, ref=ProviderRef("")), replace(RENTED, ref=ProviderRef("4 7")),
        replace(RENTED, phone="+7 900"),
        replace(RENTED, phone="1\n2"), replace(RENTED, cost_minor=-1),
        replace(RENTED, cost_minor=10**30), replace(RENTED, cost_minor=True),
        replace(RENTED, cost_minor=0.25),  # type: ignore[arg-type] # a wild answer
        replace(RENTED, currency="dollars"),
        replace(RENTED, expires_at=datetime(2026, 3, 1)),  # noqa: DTZ001 - what must be refused
        replace(RENTED, expires_in=timedelta(seconds=-1)),
    ],
    "look": [
        None, port.CodesArrived(("482913",)), port.CodesArrived((SMS._replace(code=""),)),  # type: ignore[arg-type] # a wild answer
        port.CodesArrived((SMS._replace(text="\0"),)), port.Ended(PriceFate.NOT_YET),
        port.CodesArrived((SMS._replace(text="\ud800"),)), port.Ended("kept"),  # type: ignore[arg-type] # a wild answer
        port.CodesArrived((SMS._replace(code="4" * 3000),)),
    ],
    "cancel": [True, port.Waiting(), port.Refused("early")],  # type: ignore[arg-type] # a wild answer
    "ask_again": [None, 1],
    "report": [None, port.NotKnown()],
    "balance": [3, port.Balance(10**30, "USD"), port.Balance(1, "usd")],
    "list_active": [
        [ROW], port.ActivePage((None,), last=True), port.ActivePage("ab", last=True),  # type: ignore[arg-type] # a wild answer
        port.ActivePage((ROW._replace(ref=ProviderRef("x y")),), last=True),
    ],
    "history": [port.HistoryPage([PAST], -1), port.HistoryPage([replace(PAST, cost_minor=-1)], 1)],
}  # fmt: skip
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "rent": (RentRequest("go", "2"),),
    "balance": (),
    "list_active": (0,),
    "history": (NOW, NOW, 0),
}


async def test_what_is_no_answer_of_the_port_is_no_information(does: dict[str, Any]) -> None:
    provider = wild(World())

    for name, answers in RIGHT.items():
        for answer in answers:
            does[name] = lambda answer=answer: answer
            assert await getattr(provider, name)(*ARGUMENTS.get(name, (REF,))) is answer
    for name, answers in WRONG.items():
        for answer in answers:
            does[name] = lambda answer=answer: answer
            with pytest.raises(UnknownReply):
                await getattr(provider, name)(*ARGUMENTS.get(name, (REF,)))
    await provider.close()


async def test_an_account_that_cannot_be_made_is_one_that_is_never_asked(
    does: dict[str, Any],
) -> None:
    does["made"] = lambda configured, _: CARRIERS[configured.api_key]
    world = World()
    provider = wild(world)

    with pytest.raises(ProviderError, match="could not be set up: KeyError") as raised:
        await provider.rent(RentRequest("go", "2"))
    rentals = build_rentals(config("http://127.0.0.1:9", "wild"), provider)
    await provider.close()

    assert isinstance(raised.value, ProviderUnavailable)
    assert (raised.value.sent, rentals, provider.circuit) == (False, None, port.Circuit.CLOSED)
    assert KEY not in str(world.troubles)


@pytest.mark.parametrize("read", [lambda _: CARRIERS["ref"], lambda _: None, lambda _: ["push"]])
def test_a_push_it_cannot_read_is_unreadable(does: dict[str, Any], read: Any) -> None:
    does |= {"push": read, "signed": lambda: True}

    with pytest.raises(UnreadablePush, match="its family"):
        parse_push("wild", "classic", b"{}")


@pytest.mark.parametrize("signed", [lambda: 1, lambda: CARRIERS["secret"], lambda: False])
def test_a_signature_counts_only_where_it_is_known_to_be_right(
    does: dict[str, Any], signed: Any
) -> None:
    does |= {"push": lambda _: [], "signed": signed}

    with pytest.raises(UnreadablePush, match="not signed"):
        parse_push("wild", "classic", b"{}", {}, "secret")
    assert parse_push("wild", "classic", b"{}") == []
