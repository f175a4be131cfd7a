"""What each family and dialect can do, as the table the README shows: made of what runs.

`python -m worker.adapters.providers.table` prints it.
"""

import random
import sys
import time
from asyncio import sleep
from collections.abc import Callable, Iterator
from typing import Final, cast

from worker.adapters.providers.build import FAMILIES, build_provider
from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.handler_dialects import DIALECTS
from worker.domain.ids import ProviderName
from worker.ports.provider import Capabilities
from worker.ports.reporter import Reporter

BEGIN: Final = "<!-- providers: made by python -m worker.adapters.providers.table -->"
END: Final = "<!-- providers: end -->"
SPOKEN: Final = "handler_api"  #: The family with dialects.


def _yes(*, can: bool) -> str:
    return "yes" if can else "no"


def _caution(can: Capabilities) -> str:
    said = ["may charge"] if can.look_changes_things else []
    if can.look_gap is not None:
        said.append(f"{can.look_gap.total_seconds():g} s apart")
    return ", ".join(said) or "is free"


COLUMNS: Final[dict[str, Callable[[Capabilities], str]]] = {
    "list, rows a page": lambda can: str(can.list_page_size or "no"),
    "pushes SMS": lambda can: _yes(can=can.push),
    "resend": lambda can: _yes(can=can.resend),
    "price limit": lambda can: _yes(can=can.price_limit),
    "tells expiry": lambda can: _yes(can=can.gives_expiry),
    "a look": _caution,
}


def capabilities() -> Iterator[tuple[str, str, Capabilities]]:
    """Every family and dialect that can be configured, with what it can do."""
    for family in FAMILIES:
        for dialect in DIALECTS if family == SPOKEN else ("",):
            yield family, dialect, _capabilities_of(family, dialect)


def _capabilities_of(family: str, dialect: str) -> Capabilities:
    config = ProviderConfig(
        name=ProviderName(family),
        family=family,
        base_url="http://127.0.0.1",
        api_key="none",
        dialect=dialect or "classic",
    )
    built = build_provider(
        config,
        reporter=cast("Reporter", None),  # Nothing is sent, so nothing is reported.
        sleep=sleep,
        monotonic=time.monotonic,
        random=random.random,
    )
    return built.capabilities


def table() -> str:
    head = ["family", "dialect", *COLUMNS]
    rows = [
        [f"`{family}`", f"`{dialect}`" if dialect else "", *(of(can) for of in COLUMNS.values())]
        for family, dialect, can in capabilities()
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def section() -> str:
    """The table between its markers."""
    return f"{BEGIN}\n{table()}\n{END}"


if __name__ == "__main__":
    sys.stdout.write(section() + "\n")
