"""What each family and dialect can do, as tables in the README and in docs/providers.md.

Built from the adapters; `python -m worker.adapters.providers.table` prints both.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final, NamedTuple, cast

from worker.adapters.providers.family import ProviderConfig
from worker.adapters.providers.registry import adapter_of
from worker.adapters.providers.transport import Transport
from worker.domain.families import (
    Capabilities,
    NoSuchFamily,
    RentOption,
    capabilities_of,
    dialects_of,
    every_dialect,
    family_names,
    is_shipped,
)
from worker.domain.ids import ProviderName
from worker.ports.long_rental import RentalTerms

BEGIN: Final = "<!-- providers: made by python -m worker.adapters.providers.table -->"
END: Final = "<!-- providers: end -->"
OPTIONS_BEGIN: Final = "<!-- options: made by python -m worker.adapters.providers.table -->"
OPTIONS_END: Final = "<!-- options: end -->"
FEW: Final = 6  #: Up to so many lengths of rentals are named one by one.


class Abilities(NamedTuple):
    numbers: Capabilities
    rentals: RentalTerms | None


def _yes(*, can: bool) -> str:
    return "yes" if can else "no"


def _caution(can: Abilities) -> str:
    cautions = ["may charge"] if can.numbers.look_changes_things else []
    if can.numbers.look_gap is not None:
        cautions.append(f"{can.numbers.look_gap.total_seconds():g} s apart")
    return ", ".join(cautions) or "is free"


def _lengths(can: Abilities) -> str:
    if can.rentals is None:
        return "no"
    lengths = can.rentals.lengths
    if lengths.only and len(lengths.only) <= FEW:
        return ", ".join(_length(length) for length in sorted(lengths.only))
    return f"{_length(lengths.shortest)} to {_length(lengths.longest)}"


def _length(length: timedelta) -> str:
    return f"{length.days} d" if length.days else f"{length // timedelta(hours=1)} h"


def _of_rentals(ability: Callable[[RentalTerms], bool]) -> Callable[[Abilities], str]:
    return lambda can: "" if can.rentals is None else _yes(can=ability(can.rentals))


COLUMNS: Final[dict[str, Callable[[Abilities], str]]] = {
    "list, rows a page": lambda can: str(can.numbers.list_page_size or "no"),
    "history": lambda can: _yes(can=can.numbers.history),
    "pushes SMS": lambda can: _yes(can=can.numbers.push),
    "resend": lambda can: _yes(can=can.numbers.resend),
    "price limit": lambda can: _yes(can=can.numbers.price_limit),
    "tells expiry": lambda can: _yes(can=can.numbers.gives_expiry),
    "a look": _caution,
    "rents for": _lengths,
    "prolongs": _of_rentals(lambda terms: terms.prolongs),
    "tells refund": _of_rentals(lambda terms: terms.tells_refund),
    "tells outage": _of_rentals(lambda terms: terms.tells_outage),
    "known from": lambda can: ", ".join(can.numbers.known_from),
}


def _takes(option: RentOption) -> Callable[[Abilities], str]:
    return lambda can: _yes(can=option in can.numbers.options)


#: What can be asked of a number, and said of it.
OPTIONS: Final[dict[str, Callable[[Abilities], str]]] = {
    "`operator`": _takes(RentOption.OPERATOR),
    "`area_code`": _takes(RentOption.AREA_CODE),
    "`medium` voice": _takes(RentOption.MEDIUM),
    "`reuse`": _takes(RentOption.REUSE),
    "report a bad number": lambda can: _yes(can=can.numbers.report),
}


def abilities() -> Iterator[tuple[str, str, Abilities]]:
    """Every family and dialect that ships, with what it can do."""
    for family, dialect in every_dialect():
        yield family, dialect, _abilities_of(family, dialect)


def abilities_of_packages() -> Iterator[tuple[str, str, Abilities]]:
    """The same of what other packages bring, as far as it can be used."""
    for family in family_names():
        if is_shipped(family):
            continue
        try:
            dialects = dialects_of(family)
            yield from ((family, each, _abilities_of(family, each)) for each in dialects)
        except (NoSuchFamily, ValueError) as error:
            sys.stderr.write(f"{family}: {error}\n")


def _abilities_of(family: str, dialect: str) -> Abilities:
    capabilities, rentals = capabilities_of(family, dialect), adapter_of(family).rentals
    if not capabilities.rentals or rentals is None:
        return Abilities(capabilities, None)
    name = ProviderName(family)
    config = ProviderConfig(
        name=name,
        family=family,
        base_url="http://127.0.0.1",
        api_key="none",
        dialect=dialect or "classic",
    )
    nowhere = cast("Transport", None)  # Nothing is sent.
    return Abilities(capabilities, rentals(config, nowhere).terms)


def table(
    rows_of: Iterable[tuple[str, str, Abilities]],
    columns: Mapping[str, Callable[[Abilities], str]] = COLUMNS,
) -> str:
    head = ["family", "dialect", *columns]
    rows = [
        [f"`{family}`", f"`{dialect}`" if dialect else "", *(of(can) for of in columns.values())]
        for family, dialect, can in rows_of
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def section() -> str:
    """The table between its markers."""
    return f"{BEGIN}\n{table(abilities())}\n{END}"


def options_section() -> str:
    """The table of what can be asked of a number, between its markers."""
    return f"{OPTIONS_BEGIN}\n{table(abilities(), OPTIONS)}\n{OPTIONS_END}"


if __name__ == "__main__":
    sys.stdout.write(f"{section()}\n\n{options_section()}\n")
    if brought := list(abilities_of_packages()):
        sys.stdout.write(f"\n{table(brought)}\n")
