"""Random sequences of calls about cases: no case is ever stuck, and none pays twice.

`CASE_WALKS=500 pytest --timeout=0 tests/integration/cases/test_case_machine.py` runs longer,
with other random sequences.
"""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import Background, Databases
from tests.integration.cases.case_machine import CaseMachine

WALKS: Final = int(os.environ.get("CASE_WALKS", "6"))
STEPS: Final = 30


def test_every_case_ends_whatever_calls_are_made(
    databases: Databases, background: Background
) -> None:
    class Walk(CaseMachine):
        def __init__(self) -> None:
            super().__init__(databases, background)

    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            derandomize="CASE_WALKS" not in os.environ,
            phases=(Phase.generate,),  # A run takes seconds: one that fails is not shrunk.
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
