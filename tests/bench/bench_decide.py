"""How many decisions a second `decide` makes on one core, all of it included: JSON to JSON."""

import io
import time
from pathlib import Path

import orjson
import pytest

from worker.entrypoints.cli.decide import LineDecider, line_batches

SCENARIOS = Path(__file__).parent.parent / "golden" / "policy_scenarios.json"
LINES = 50_000


@pytest.mark.bench
def test_decisions_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    questions = [
        orjson.dumps({"id": s["id"], "policy": s.get("policy", s["seed"]), "given": s["given"]})
        for s in orjson.loads(SCENARIOS.read_bytes())
    ]
    source = io.BytesIO(b"\n".join((questions * (LINES // len(questions) + 1))[:LINES]))
    decider = LineDecider("default")

    began = time.process_time()
    for batch in line_batches(source):
        decider.decide(batch)
    rate = LINES / (time.process_time() - began)

    assert (decider.lines, decider.errors) == (LINES, 0)
    with capsys.disabled():
        print(f"\ndecide: {rate:,.0f} decisions/s")  # noqa: T201 - the measurement is the point
