"""The terms on which we deal with one provider, as configured."""

from dataclasses import dataclass
from datetime import timedelta

from worker.domain.ids import ProviderName


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTerms:
    name: ProviderName
    poll: timedelta  #: Between two looks, or two reads of the whole list, at the closest.
    requests_per_second: float
    max_in_flight: int
    min_cancel_age: timedelta
    lifetime: timedelta  #: After which the provider itself ends a number.
    exposure_limit_minor: int
    currency: str
