"""What is given with `cases claim --fact` is JSON, said once, or a usage error."""

import pytest

from tests.unit.cli.conftest import Cli
from worker.entrypoints.cli.exit_codes import Exit

CLAIM = ("cases", "claim", "other", "--activation", "1", "--url", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (["client_caused"], "--fact client_caused: not NAME=JSON"),
        (["price_minor=" + "9" * 5000], "--fact price_minor: not NAME=JSON"),
        (["client_caused=" + "[" * 50_000], "--fact client_caused: not NAME=JSON"),
        (["client_caused=true", "client_caused=false"], "--fact client_caused: given twice"),
    ],
)
def test_a_fact_that_cannot_be_used_is_a_usage_error(cli: Cli, facts: list[str], says: str) -> None:
    given = [word for fact in facts for word in ("--fact", fact)]

    result = cli(*CLAIM, *given, env={"AW_TOKEN": "mine"})

    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert says in result.stderr
