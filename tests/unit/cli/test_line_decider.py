"""`decide`: one answer per line, in order, whatever the lines are and however they come."""

import io
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from worker.entrypoints.cli.decide import LINE_BYTES_MAX, PROFILES_MAX, LineDecider, line_batches

TICK: dict[str, Any] = {
    "op": "order_tick",
    "now": "2026-03-02T10:20:00.000001Z",
    "purchased_at": "2026-03-02T10:00:00Z",
    "price_minor": 350,
}


class Dribble(io.BytesIO):
    """Gives what was written a few bytes at a time."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        return self.read(7)


def decide_lines(
    text: str | bytes, policy: str = "default"
) -> tuple[list[dict[str, Any]], LineDecider]:
    raw = text.encode() if isinstance(text, str) else text
    decider = LineDecider(policy)
    told = b"".join(decider.decide(batch) for batch in line_batches(io.BytesIO(raw)))
    return [json.loads(line) for line in told.splitlines()], decider


def lines(*asked: dict[str, Any]) -> str:
    return "".join(json.dumps(question) + "\n" for question in asked)


def test_an_answer_has_these_fields_in_this_order() -> None:
    (answer,), _ = decide_lines(lines({"id": "a", "policy": "P2", "given": TICK}))

    assert list(answer.items()) == [
        ("id", "a"),
        ("outcome", "auto_credit"),
        ("amount_minor", 350),
        ("fee_minor", 0),
        ("destination", "balance"),
        ("reason", "no_sms_in_window"),
        ("deadline", "2026-03-09T10:20:00.000000Z"),
    ]


def test_the_policy_of_the_line_wins_over_the_option_and_the_option_over_nothing() -> None:
    told, _ = decide_lines(
        lines({"id": 1, "given": TICK}, {"id": 2, "policy": "P2", "given": TICK})
    )
    other, _ = decide_lines(lines({"id": 1, "policy": None, "given": TICK}), policy="P1")

    assert [answer["deadline"] is None for answer in told] == [True, False]
    assert other[0]["outcome"] == "cancel_no_credit"


def test_single_values_of_a_policy_can_be_replaced() -> None:
    override = TICK | {"profile_overrides": {"auto_credit_mode": "on_claim"}}
    asked = [{"id": i, "policy": "P0", "given": g} for i, g in enumerate((override, TICK))]

    told, _ = decide_lines(lines(*asked, *asked))

    assert [answer["outcome"] for answer in told] == ["cancel_no_credit", "auto_credit"] * 2


@pytest.mark.parametrize(
    ("line", "id_", "field"),
    [
        ("nonsense", None, None),
        ('{"id": 1', None, None),
        ("[1]", None, None),
        ("null", None, None),
        (b'{"id": "\xff"}', None, None),
        (lines({"given": TICK}), None, "id"),
        (lines({"id": 7}), 7, "given"),
        (lines({"id": 7, "given": []}), 7, "given"),
        (lines({"id": 7, "given": {}}), 7, "given.op"),
        (lines({"id": 7, "given": TICK | {"now": None}}), 7, "given.now"),
        (lines({"id": 7, "given": TICK | {"now": "soon"}}), 7, "given.now"),
        (lines({"id": 7, "given": TICK | {"price_minor": 3.5}}), 7, "given.price_minor"),
        (lines({"id": 7, "given": TICK | {"x": 1}}), 7, "given.x"),
        (lines({"id": 7, "policy": 5, "given": TICK}), 7, "policy"),
        (lines({"id": 7, "policy": "P9", "given": TICK}), 7, "policy"),
        (
            lines({"id": 7, "given": TICK | {"profile_overrides": {"x": 1}}}),
            7,
            "given.profile_overrides.x",
        ),
        (
            lines({"id": 7, "given": TICK | {"profile_overrides": [1]}}),
            7,
            "given.profile_overrides",
        ),
    ],
)
def test_a_bad_line_is_answered_in_its_place_and_the_others_are_not_lost(
    line: str | bytes, id_: int | None, field: str | None
) -> None:
    good = lines({"id": "good", "given": TICK}).encode()
    bad = (line.encode() if isinstance(line, str) else line).rstrip() + b"\n"

    told, decider = decide_lines(good + bad + b"\n" + good)

    assert [answer["id"] for answer in told] == ["good", id_, "good"]
    assert list(told[1]) == ["id", "error"]
    assert list(told[1]["error"]) == ["line", "field", "message"]
    assert (told[1]["error"]["line"], told[1]["error"]["field"]) == (2, field)
    assert told[1]["error"]["message"]
    assert (decider.lines, decider.errors) == (4, 1)


def test_a_line_that_is_too_long_is_answered_and_not_kept() -> None:
    good = lines({"id": "good", "given": TICK}).encode()
    huge = b" " * (LINE_BYTES_MAX * 3) + good

    told, _ = decide_lines(good + huge + good)
    last, _ = decide_lines(good + huge.rstrip(b"\n"))

    assert [answer["id"] for answer in told] == ["good", None, "good"]
    assert [answer["id"] for answer in last] == ["good", None]
    assert told[1]["error"]["line"] == 2


def test_the_last_line_needs_no_newline_and_windows_newlines_are_fine() -> None:
    question = json.dumps({"id": 1, "given": TICK})

    assert len(decide_lines(question)[0]) == 1
    assert len(decide_lines(f"{question}\r\n\r\n{question}\r\n")[0]) == 2
    assert decide_lines("")[0] == []


def test_lines_are_found_however_the_bytes_come() -> None:
    raw = lines(*({"id": number, "given": TICK} for number in range(20))).encode()

    whole = list(itertools.chain.from_iterable(line_batches(io.BytesIO(raw))))
    pieces: Iterable[bytes | None] = itertools.chain.from_iterable(line_batches(Dribble(raw)))

    assert list(pieces) == whole


def test_what_was_read_is_answered_before_more_is_read() -> None:
    question = lines({"id": 1, "given": TICK}).encode()
    source = Dribble(question + b"      \n" * 10)

    first = next(batch for batch in line_batches(source) if batch)

    assert first == [question.rstrip()]
    assert source.read1() != b""


def test_policies_that_are_kept_ready_are_bounded() -> None:
    given = [
        TICK | {"profile_overrides": {"sms_window_s": seconds + 1}}
        for seconds in range(PROFILES_MAX + 5)
    ]
    decider = LineDecider("P0")
    asked = lines(*({"id": i, "given": facts} for i, facts in enumerate(given)))

    decider.decide([line.encode() for line in asked.splitlines()])

    assert decider.errors == 0
    assert 0 < decider.profiles_kept <= PROFILES_MAX


def test_the_policies_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[sms]\nsms_window_s = 60\n")
    decider = LineDecider("mine", tmp_path)
    assert b"cancel_no_credit" in decider.decide([lines({"id": 1, "given": TICK}).encode()])


def test_a_line_may_hold_a_whole_policy() -> None:
    policy = {"sms": {"auto_credit_mode": "automatic"}, "processing": {"credit_s": 60}}

    (answer,), _ = decide_lines(lines({"id": 1, "policy": policy, "given": TICK}))

    assert (answer["outcome"], answer["deadline"]) == (
        "auto_credit",
        "2026-03-02T10:21:00.000000Z",
    )


def test_what_is_wrong_with_a_whole_policy_is_told() -> None:
    policy = {"sms": {"auto_credit_mode": "sometimes"}, "nonsense": {}}

    (answer,), decider = decide_lines(lines({"id": 1, "policy": policy, "given": TICK}))

    assert (decider.errors, answer["error"]["field"]) == (1, "policy")
    assert "auto_credit_mode" in answer["error"]["message"]
    assert "nonsense" in answer["error"]["message"]


def test_the_files_of_a_directory_are_known_by_name_besides_the_configured_ones(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop.toml").write_text('[sms]\nauto_credit_mode = "automatic"\n')
    (tmp_path / "P2.toml").write_text("[sms]\nsms_window_s = 60\n")
    decider = LineDecider("default", None, tmp_path)
    asked = [
        {"id": 1, "policy": "shop", "given": TICK},
        {"id": 2, "policy_file": "shop.toml", "given": TICK},
        {"id": 3, "policy": "P2", "given": TICK},
        {"id": 4, "policy": "P1", "given": TICK},
        {"id": 5, "policy_file": "nowhere", "given": TICK},
        {"id": 6, "policy": "P1", "policy_file": "shop", "given": TICK},
        {"id": 7, "policy_file": 5, "given": TICK},
    ]

    told = decider.decide([line.encode() for line in lines(*asked).splitlines()])

    answers = [json.loads(line) for line in told.splitlines()]
    assert [answer.get("outcome") for answer in answers[:4]] == [
        "auto_credit",
        "auto_credit",
        "cancel_no_credit",
        "cancel_no_credit",
    ]
    assert answers[3]["deadline"] == "2026-03-09T10:00:00.000000Z"
    assert [answer["error"]["field"] for answer in answers[4:]] == [
        "policy",
        "policy_file",
        "policy_file",
    ]
    assert "P4, default, shop" in answers[4]["error"]["message"]
