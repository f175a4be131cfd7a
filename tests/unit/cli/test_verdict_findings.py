"""What is given with `cases verdict --finding` is JSON, said once, or a usage error."""

import pytest

from tests.unit.cli.conftest import Cli
from worker.entrypoints.cli.exit_codes import Exit

VERDICT = ("cases", "verdict", "1", "--grant", "--note", "n", "--url", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (["client_caused"], "--finding client_caused: not NAME=JSON"),
        (["price_minor=" + "9" * 5000], "--finding price_minor: not NAME=JSON"),
        (["client_caused=" + "[" * 50_000], "--finding client_caused: not NAME=JSON"),
        (["client_caused=true", "client_caused=false"], "--finding client_caused: given twice"),
    ],
)
def test_a_finding_that_cannot_be_used_is_a_usage_error(
    cli: Cli, facts: list[str], says: str
) -> None:
    given = [word for fact in facts for word in ("--finding", fact)]

    result = cli(*VERDICT, *given, env={"AW_TOKEN": "mine"})

    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert says in result.stderr
