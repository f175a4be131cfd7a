"""How many decisions a second one core makes: alone, and with all of `decide` around them.

Of the worked cases of all five policies, as often as it takes.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from worker.domain import policy as policies
from worker.domain.policy.language.loading import profile_from
from worker.entrypoints.cli.decide import LineDecider, line_batches, load_policy

SCENARIOS = Path(__file__).parent.parent / "golden" / "policy_scenarios.json"
LINES = 50_000


def _rate(work: Callable[[], None], times: int) -> float:
    began = time.process_time()
    work()
    return times / (time.process_time() - began)


@pytest.mark.bench
def test_decisions_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    cases: list[dict[str, Any]] = [
        {"id": case["id"], "policy": case.get("policy", case["seed"]), "given": case["given"]}
        for case in orjson.loads(SCENARIOS.read_bytes())
    ]
    rounds = LINES // len(cases) + 1
    source = io.BytesIO(b"\n".join(([*map(orjson.dumps, cases)] * rounds)[:LINES]))
    decider = LineDecider("default")
    questions = [(_profile(case), policies.question_from(case["given"])) for case in cases]

    def decide_lines() -> None:
        for batch in line_batches(source):
            decider.decide(batch)

    def decide_alone() -> None:
        for _ in range(rounds):
            for profile, asked in questions:
                policies.decide(profile, asked.op, asked.facts, asked.now)

    lines = _rate(decide_lines, LINES)
    alone = _rate(decide_alone, rounds * len(questions))

    assert (decider.lines, decider.errors) == (LINES, 0)
    with capsys.disabled():
        told = f"{alone:,.0f} decisions/s alone, {lines:,.0f} from JSON to JSON"
        print(f"\ndecide: {told}")  # noqa: T201 - the measurement is the point


def _profile(case: dict[str, Any]) -> policies.Profile:
    of = case["policy"]
    if isinstance(of, dict):
        profile = profile_from(of, name="policy", file="policy")
    else:
        profile = load_policy(of, None, None)
    changes = case["given"].get("profile_overrides")
    return policies.override(profile, changes) if changes else profile
