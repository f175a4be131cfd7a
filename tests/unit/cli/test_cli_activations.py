"""`show`, `list`, `watch` and `events`, as people and as programs read them."""

import json

import pytest

from tests.fakes.turns import give_way
from tests.unit.cli.conftest import Cli
from tests.unit.cli.fake_daemon import SUMMARY, FakeDaemon, activation, event
from worker.domain.money import decimal_text
from worker.entrypoints.cli import activations
from worker.entrypoints.cli.activations import event_line
from worker.entrypoints.cli.client import ENDED, Target, changes, connected, events
from worker.entrypoints.cli.output import parse_instant

SETTLED = {
    "state": "refunded",
    "provider_state": "cancelled",
    "settlement": {
        "outcome": "refunded",
        "amount_minor": 20,
        "reason": "timeout",
        "at": "2026-01-01T00:20:01.500000Z",
    },
    "timeline": [
        {"at": "2026-01-01T00:00:00.000000Z", "what": "accepted"},
        {"at": "2026-01-01T00:20:01.500000Z", "what": "settled", "reason": "timeout"},
    ],
}


def test_show_tells_the_state_the_money_and_the_timeline(asked: Cli, daemon: FakeDaemon) -> None:
    id_ = daemon.add(activation(1, **SETTLED))

    result = asked("show", id_)

    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert f"id {id_}" in lines
    assert "state refunded" in lines
    assert "settled refunded at 2026-01-01 00:20:01, because: timeout" in lines
    assert f"summary {SUMMARY}" in lines
    assert "2026-01-01 00:20:01.500 settled reason=timeout" in lines


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_show_gives_programs_the_document_as_it_is(
    asked: Cli, daemon: FakeDaemon, form: str
) -> None:
    id_ = daemon.add(activation(1, **SETTLED))

    result = asked("show", id_, "--output", form)

    assert json.loads(result.stdout) == activation(1, **SETTLED)
    assert len(result.stdout.splitlines()) == 1 or form == "json"


def test_an_unknown_id_ends_with_1(asked: Cli, daemon: FakeDaemon) -> None:
    result = asked("show", activation(7)["id"], "-o", "json")

    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, error["code"]) == (1, "unknown-activation")
    assert len(daemon.calls) == 1


@pytest.mark.parametrize(
    "which", ["nobody", "../accounts/shop", "a?b", "a b", "12", "00000009", "\N{SNOWMAN}"]
)
def test_what_fits_no_number_ends_with_1(asked: Cli, daemon: FakeDaemon, which: str) -> None:
    daemon.add(activation(1))

    result = asked("show", which)

    assert result.exit_code == 1
    assert f"no number fits {which}" in result.stderr
    assert {path for _, path, _ in daemon.calls} <= {"/v1/activations"}


@pytest.mark.parametrize("which", ["00000001", "15550007", "0007", "+15550007", "order-1"])
def test_a_number_is_shown_by_whatever_names_it(asked: Cli, daemon: FakeDaemon, which: str) -> None:
    id_ = daemon.add(activation(1, phone="+15550007", state="refunded"))
    daemon.add(activation(2, state="refunded"))

    result = asked("show", which, "-o", "json")

    assert json.loads(result.stdout)["id"] == id_


def test_where_several_numbers_fit_they_are_listed_with_exit_2(
    asked: Cli, daemon: FakeDaemon
) -> None:
    ids = [daemon.add(activation(number, state="refunded")) for number in (1, 2)]

    text, programs = asked("show", "15550001"), asked("show", "15550001", "-o", "json")

    assert (text.exit_code, programs.exit_code) == (2, 2)
    assert all(id_ in text.stdout for id_ in ids)
    assert "2 numbers fit 15550001" in text.stderr
    assert {item["id"] for item in json.loads(programs.stdout)["items"]} == set(ids)


@pytest.mark.parametrize(
    ("act", "more", "body"),
    [
        ("cancel", (), None),
        ("report", ("banned there",), {"reason": "banned there"}),
        ("note", ("called back",), {"note": "called back"}),
    ],
)
def test_an_act_takes_a_whole_id_and_has_the_name_of_whoever_is_logged_in(
    asked: Cli,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    more: tuple[str, ...],
    body: object,
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    id_ = daemon.add(activation(1))

    part = asked("number", act, "00000001", *more)
    assert (part.exit_code, daemon.calls) == (2, [])
    assert "not a whole id" in part.stderr
    done = asked("number", act, id_, *more)

    assert done.exit_code == 0
    path = f"/v1/activations/{id_}/{'notes' if act == 'note' else act}"
    assert daemon.calls == [("POST", path, body)]
    assert daemon.actors == ["ann"]
    assert id_ in done.stderr


def test_nothing_of_a_provider_drives_the_terminal(asked: Cli, daemon: FakeDaemon) -> None:
    id_ = daemon.add(activation(1, phone="1\x1b[31m", provider_ref="[red]x"))

    result = asked("show", id_)

    assert "\x1b" not in result.stdout
    assert "[red]x" in result.stdout


def test_list_reads_page_after_page(asked: Cli, daemon: FakeDaemon) -> None:
    daemon.page = 2
    ids = [daemon.add(activation(number, state="refunded")) for number in range(5)]

    result = asked("list", "--limit", "4")

    assert [id_ in result.stdout for id_ in ids] == [True, True, True, True, False]
    assert "0.20 USD" in result.stdout


def test_list_passes_the_filters_on(asked: Cli, daemon: FakeDaemon) -> None:
    daemon.add(activation(1, state="refunded", account="other"))
    wanted = daemon.add(activation(2, state="refunded"))
    filters = "--state", "refunded", "--account", "shop", "--provider", "sim"

    result = asked("list", *filters, "-o", "ndjson")

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [wanted]


def test_an_empty_list_is_no_error(asked: Cli) -> None:
    text, document = asked("list"), asked("list", "-o", "json")

    assert (text.exit_code, text.stdout, text.stderr) == (0, "", "no activations\n")
    assert json.loads(document.stdout) == {"items": []}


def test_off_a_terminal_there_is_no_colour_and_nothing_is_cut(
    asked: Cli, daemon: FakeDaemon
) -> None:
    daemon.add(activation(1, state="refunded", account="a" * 100))

    result = asked("list")

    assert "a" * 100 in result.stdout
    assert "\x1b" not in result.stdout


def test_watch_follows_one_to_its_end(asked: Cli, daemon: FakeDaemon) -> None:
    id_ = daemon.add(activation(1))

    result = asked("watch", id_)

    states = [line.split()[2] for line in result.stdout.splitlines()]
    assert states == ["waiting", "expiring", "refunded"]
    assert result.stdout.splitlines()[-1].endswith(SUMMARY)
    assert result.stderr.startswith("refunded: the customer does not pay.")


def test_watch_gives_programs_each_change(asked: Cli, daemon: FakeDaemon) -> None:
    id_ = daemon.add(activation(1))

    result = asked("watch", id_, "-o", "ndjson")

    states = [json.loads(line)["state"] for line in result.stdout.splitlines()]
    assert states == ["waiting", "expiring", "refunded"]


def test_watch_gives_one_document_of_the_end(asked: Cli, daemon: FakeDaemon) -> None:
    id_ = daemon.add(activation(1))

    assert json.loads(asked("watch", id_, "-o", "json").stdout)["state"] == "refunded"


def test_a_tail_has_no_one_document(asked: Cli) -> None:
    result = asked("watch", "-o", "json")

    assert (result.exit_code, "ndjson" in result.stderr) == (2, True)


@pytest.mark.parametrize("old", [15, 400])
async def test_the_tail_shows_every_event_once_and_in_order(daemon: FakeDaemon, old: int) -> None:
    daemon.events = [event(number) for number in range(old)]

    async def two_more(_: float) -> None:
        daemon.events += [event(len(daemon.events) + more) for more in range(2)]

    async with connected(Target(daemon.url, "read-token")) as client:
        tail = events(client, two_more)
        told = [(await anext(tail))["id"] for _ in range(14)]
        await tail.aclose()

    expected = [*range(old - 10, old), old, old + 1, old + 2, old + 3]
    assert told == [f"evt_{number}" for number in expected]


def test_a_line_of_the_tail_shows_no_code_and_no_phone() -> None:
    line = event_line(event(1, phone="15550001", code="123456", amount_minor=20, currency="USD"))

    assert line.startswith("00:00:00  activation.refunded  00000000-0000-")
    assert line.endswith("state=refunded  amount_minor=20  currency=USD  provider=sim")


async def test_a_daemon_that_answers_at_once_is_not_asked_all_the_time(
    daemon: FakeDaemon,
) -> None:
    daemon.path = ("waiting", "waiting")
    id_ = daemon.add(activation(1))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        daemon.activations[id_]["state"] = "refunded"
        await give_way()

    async with connected(Target(daemon.url, "read-token")) as client:
        states = [each["state"] async for each in changes(client, id_, pause)]

    assert (states, len(pauses)) == (["waiting", "refunded"], 1)


def test_events_are_listed_newest_first(asked: Cli, daemon: FakeDaemon) -> None:
    daemon.events = [event(1), event(2)]

    text, document = asked("events", "list"), asked("events", "list", "-o", "json")
    lines = asked("events", "list", "-o", "ndjson")

    assert text.stdout.index("evt_2") < text.stdout.index("evt_1")
    assert [each["id"] for each in json.loads(document.stdout)["items"]] == ["evt_2", "evt_1"]
    assert [json.loads(line)["id"] for line in lines.stdout.splitlines()] == ["evt_2", "evt_1"]


def test_events_of_one_state_are_listed(asked: Cli, daemon: FakeDaemon) -> None:
    daemon.events = [event(1), {**event(2), "state": "dead"}, event(3)]

    found = json.loads(asked("events", "list", "--state", "dead", "-o", "json").stdout)["items"]

    assert [each["id"] for each in found] == ["evt_2"]
    assert asked("events", "list", "--state", "lost").exit_code == 2


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("command", ["watch", "show"])
def test_an_empty_id_is_refused_at_once(
    asked: Cli, daemon: FakeDaemon, command: str, empty: str
) -> None:
    result = asked(command, empty)

    assert (result.exit_code, result.stdout, daemon.calls) == (2, "", [])
    assert "the id is empty" in result.stderr


def test_something_else_at_the_address_is_said_to_be_that(asked: Cli, daemon: FakeDaemon) -> None:
    result = asked("list", "--url", f"{daemon.url}/page")

    assert result.exit_code == 1
    assert "answers 502 without JSON" in result.stderr
    assert "is that an activation-worker?" in result.stderr


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(20, "USD", "0.20"), (5, "JPY", "5"), (1234, "KWD", "1.234"), (0, "EUR", "0.00")],
)
def test_amounts_are_shown_in_the_major_unit(minor: int, currency: str, text: str) -> None:
    assert decimal_text(minor, currency) == text


@pytest.mark.parametrize(
    "summary",
    [
        "No code came in time, and 0.20 USD is not charged since 2026-01-01 00:20 UTC.",
        "The code was delivered, 0.20 USD was charged, and a claim gave 0.05 USD of it back.",
    ],
    ids=["charged by the shop", "a claim gave a part back"],
)
def test_what_became_of_the_money_is_said_as_the_api_says_it(
    asked: Cli, daemon: FakeDaemon, summary: str
) -> None:
    id_ = daemon.add(activation(1, **SETTLED, summary=summary))

    commands = [["show", id_], ["watch", id_], ["number", "note", id_, "seen"]]
    said = [asked(*command) for command in commands]

    for each in said:
        assert summary in each.stdout + each.stderr
        assert "credited" not in each.stdout + each.stderr


@pytest.mark.parametrize(
    ("now", "drawn", "left"),
    [
        ("2026-01-01T00:00:00Z", "░" * 20, "1200 s left"),
        ("2026-01-01T00:10:00Z", "█" * 10 + "░" * 10, "600 s left"),
        ("2026-01-01T00:21:00Z", "█" * 20, "60 s after the deadline"),
    ],
)
def test_the_window_is_drawn(now: str, drawn: str, left: str) -> None:
    at = parse_instant(now)

    assert (
        activations.window_bar(activation(1), at),
        activations.time_left(activation(1), at),
    ) == (drawn, left)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_every_ending_has_a_verdict(state: str) -> None:
    assert "activation-worker show" in activations.ending_line(activation(1, state=state))
