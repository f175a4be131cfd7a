"""Which of several providers an order is tried at first: by the figures of seven days.

A provider without figures counts as the mean of the others, so that a new one is neither always
first nor never asked. Where two are alike, the order in which the shop named them decides.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final, NamedTuple, assert_never

from worker.domain.ids import ProviderName
from worker.domain.money import decimal_text
from worker.ports.service import Preference
from worker.ports.store.books import ProviderFigures

#: So many numbers of the mean are added to each provider's own: three of three are no certainty.
PRIOR: Final = 5


class Turn(NamedTuple):
    provider: ProviderName
    because: str  #: What its place was decided by; empty where nothing was.


class _Weighed(NamedTuple):
    """What counts for one provider: the less, the better; None where nothing is known."""

    value: float | None
    words: str


def turns(
    named: Sequence[ProviderName],
    prefer: Preference,
    figures: Mapping[ProviderName, ProviderFigures],
    currencies: Mapping[ProviderName, str],
) -> list[Turn]:
    """All of *named*, in the order in which they are to be asked."""
    if prefer is Preference.ORDER:
        return [Turn(provider, "") for provider in named]
    found = {each: figures.get(each) or ProviderFigures(provider=each) for each in named}
    weighed = _weighed(found, prefer, currencies)
    known = [each.value for each in weighed.values() if each.value is not None]
    mean = fmean(known) if known else 0.0
    place = {each: mean if of.value is None else of.value for each, of in weighed.items()}
    return [Turn(each, weighed[each].words) for each in sorted(named, key=place.__getitem__)]


def _weighed(
    found: Mapping[ProviderName, ProviderFigures],
    prefer: Preference,
    currencies: Mapping[ProviderName, str],
) -> dict[ProviderName, _Weighed]:
    match prefer:
        case Preference.SUCCESS:
            ended = sum(each.ended for each in found.values())
            mean = sum(each.delivered for each in found.values()) / ended if ended else 0.0
            return {name: _success(each, mean) for name, each in found.items()}
        case Preference.SPEED:
            return {name: _speed(each) for name, each in found.items()}
        case Preference.PRICE:
            first = currencies[next(iter(found))]
            return {
                # Prices in another currency cannot be compared.
                name: _price(each, currencies[name])
                if currencies[name] == first
                else _Weighed(None, f"its prices are in {currencies[name]}")
                for name, each in found.items()
            }
        case Preference.ORDER:
            raise AssertionError("nothing is weighed")
        case _:
            assert_never(prefer)


def _success(of: ProviderFigures, mean: float) -> _Weighed:
    if not of.ended:
        return _Weighed(None, "no number of it ended in seven days")
    likely = (of.delivered + PRIOR * mean) / (of.ended + PRIOR)
    return _Weighed(-likely, f"{of.delivered} of {of.ended} numbers got a code in seven days")


def _speed(of: ProviderFigures) -> _Weighed:
    median = of.code_seconds_median
    if median is None:
        return _Weighed(None, "no code of it came in seven days")
    return _Weighed(median, f"half of its codes came within {median:g} s in seven days")


def _price(of: ProviderFigures, currency: str) -> _Weighed:
    mean = of.cost_minor_mean
    if mean is None:
        return _Weighed(None, "no price of it was told in seven days")
    told = f"{decimal_text(mean, currency)} {currency}"
    return _Weighed(mean, f"its numbers cost {told} on average in seven days")
