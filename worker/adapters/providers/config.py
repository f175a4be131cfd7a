"""What one provider account needs: where it is, how it speaks, and its key."""

from dataclasses import dataclass, field

from worker.domain.ids import ProviderName
from worker.domain.money import is_currency


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """One account at one provider. The key is in no repr."""

    name: ProviderName
    family: str
    base_url: str = field(repr=False)  #: May hold credentials of a proxy in front.
    api_key: str = field(repr=False)
    dialect: str = "classic"  #: Of the handler_api family only.
    max_in_flight: int = 100
    currency: str = "USD"  #: Of prices and the balance, where the replies do not say it.

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"{self.name}: base_url is no http(s) URL")
        # A line break in a key would become a header of its own.
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable():
            raise ValueError(f"{self.name}: api_key is empty or not printable ASCII")
        if self.max_in_flight < 1:
            raise ValueError(f"{self.name}: max_in_flight is below 1")
        if not is_currency(self.currency):
            raise ValueError(f"{self.name}: currency is no ISO 4217 code")
