"""The question function of the policy tests, as a fixture."""

import pytest

from tests.unit.domain.policy.policy_answers import AskPolicy, ask_policy


@pytest.fixture(scope="session")
def ask() -> AskPolicy:
    return ask_policy
