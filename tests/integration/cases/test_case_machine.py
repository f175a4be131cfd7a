"""No case is ever stuck, and none gives money twice: random lives of cases, from start to end.

`CASE_WALKS=500 pytest --timeout=0 tests/integration/cases/test_case_machine.py` goes on for longer,
with walks that nobody has gone before.
"""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import Background, Databases
from tests.integration.cases.machine import Machine

WALKS: Final = int(os.environ.get("CASE_WALKS", "20"))
STEPS: Final = 30


def test_every_case_ends_whatever_is_said_about_it(
    databases: Databases, background: Background
) -> None:
    class Walk(Machine):
        def __init__(self) -> None:
            super().__init__(databases, background)

    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            derandomize="CASE_WALKS" not in os.environ,
            phases=(Phase.generate,),  # A walk takes seconds: one that fails is shown as it is.
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
