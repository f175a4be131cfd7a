"""`Profile`: one refund policy as data, in the sections and keys of its file.

A profile is made from what a file *says*: one flat mapping of dotted keys to checked values,
`claims.kinds.non_receiving.decided` to `Decided.LOG`. A `[[when]]` says more of the same kind for
the orders that it matches, so the policy of an order is made the same way from both.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from worker.domain.calendar import CalendarRules
from worker.domain.policy.language import sections
from worker.domain.policy.language.choices import AutoCredit, PayoutRoute
from worker.domain.policy.language.kinds import (
    KNOWN_KINDS,
    OTHER,
    ClaimWindow,
    KindRule,
    kind_rule,
)
from worker.domain.policy.language.matching import Labels, OrderWords, When

Said: TypeAlias = Mapping[str, Any]  #: "section.key" -> value; `effective_from` has no section.

DEFAULT_LABELS: Labels = {"telegram": frozenset({"tg", "telegram"})}
BASIS_POINTS = 10_000  #: One whole.


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One policy; what each key means: `worker/docs/policies.md`."""

    name: str
    version: str = ""  #: Follows from the content; orders keep the version of their purchase.
    effective_from: datetime | None = None
    labels: Labels
    sms: sections.SmsRules
    cancel: sections.CancelRules
    bars: sections.BarRules
    claims: sections.ClaimRules
    rectify: sections.RectifyRules
    rental: sections.RentalRules
    renewal: sections.RenewalRules
    outage: sections.OutageRules
    payout: sections.PayoutRules
    processing: sections.ProcessingRules
    withdrawal: sections.WithdrawalRules
    balance: sections.BalanceRules
    obligations: sections.ObligationRules
    calendar: CalendarRules
    limits: tuple[sections.Limit, ...] = ()
    whens: tuple[When, ...] = ()
    said: Said = field(default_factory=dict)
    _unlisted: Mapping[str, KindRule] = field(default_factory=dict, repr=False, compare=False)
    _of_orders: dict[tuple[int, ...], "Profile"] = field(
        default_factory=dict, repr=False, compare=False
    )  #: Made once for each set of `[[when]]` that hold together.

    def for_order(self, order: OrderWords) -> "Profile":
        """What holds for this order: the file with every `[[when]]` that matches it."""
        if not self.whens:
            return self
        holding = tuple(
            index for index, when in enumerate(self.whens) if when.match.holds(order, self.labels)
        )
        if not holding:
            return self
        if (made := self._of_orders.get(holding)) is None:
            made = self._of_orders[holding] = self.with_whens(holding)
        return made

    def kind(self, name: str) -> KindRule | None:
        """How claims of this kind are decided: its row, else that of `other`, else None."""
        if (rule := self.claims.kinds.get(name)) is not None:
            return rule
        return self._unlisted.get(name) or self._unlisted.get(OTHER)

    @property
    def has_kinds(self) -> bool:
        """Whether the file says anything about kinds of claims; else it is silent on claims."""
        return bool(self.claims.kinds)

    @property
    def states_window(self) -> bool:
        """Whether the file names the window, or the worker's default applies."""
        return "sms.sms_window_s" in self.said

    @property
    def window(self) -> timedelta:
        """How long an order waits for its SMS."""
        return timedelta(seconds=self.sms.sms_window_s)

    @property
    def credits_automatically(self) -> bool:
        """Whether a number without a code ends `refunded`; otherwise `closed`, until a claim."""
        return self.sms.auto_credit_mode is AutoCredit.AUTOMATIC

    @property
    def cancel_offered(self) -> bool:
        """Whether there is a Cancel button at all."""
        return self.cancel.button is not False

    @property
    def cancel_credits(self) -> bool:
        """Whether pressing Cancel gives the money back; otherwise it only closes the number."""
        return self.cancel.button is True or (self.cancel_offered and self.credits_automatically)

    @property
    def payout_routes(self) -> frozenset[PayoutRoute]:
        """Where the money of a claim may leave, under an exception at least."""
        routes = [self.payout.route, *(when.changes.get("payout.route") for when in self.whens)]
        return frozenset(route for route in routes if route is not None)

    @property
    def may_state_claim_window(self) -> bool:
        """Whether `[claims]` names a window, under an exception at least."""
        changed_there = any("claims.window" in when.changes for when in self.whens)
        return self.claims.window is not None or changed_there

    def with_window(self, seconds: int) -> "Profile":
        """The policy of an order that has its own window, fixed when it was taken in."""
        key = "sms.sms_window_s"
        return replace(
            self,
            sms=replace(self.sms, sms_window_s=seconds),
            said={**self.said, key: seconds},
            whens=tuple(
                replace(
                    when, changes={name: of for name, of in when.changes.items() if name != key}
                )
                for when in self.whens
            ),
            _of_orders={},
        )

    def with_whens(self, holding: tuple[int, ...]) -> "Profile":
        """What holds where these `[[when]]` do."""
        said = self.said
        for index in holding:
            said = changed(said, self.whens[index].changes)
        return profile_saying(self.name, said, limits=self.limits, version=self.version)


def changed(said: Said, changes: Said) -> Said:
    """What is said with *changes*: a kind named only there starts from the row `other`."""
    merged = dict(said)
    for key in changes:
        kind = kind_of(key)
        if kind is not None and f"{_KINDS}{kind}" not in said:
            other = rows(said, _KINDS).get(OTHER, {})
            merged |= {f"{_KINDS}{kind}.{name}": value for name, value in other.items()}
    return merged | dict(changes)


ROW = True  #: What is said of a row of a table of rows, besides its keys: that it is there.
_KINDS = "claims.kinds."
_METHODS = "payout.methods."
_LABELS = "labels."
_INHERITED = {f"withdrawal.{key}" for key in ("channels", "reasons_required", "email_must_match")}
_SECTIONS: Mapping[str, Any] = {
    "sms": sections.SmsRules,
    "cancel": sections.CancelRules,
    "bars": sections.BarRules,
    "claims": sections.ClaimRules,
    "rectify": sections.RectifyRules,
    "rental": sections.RentalRules,
    "renewal": sections.RenewalRules,
    "outage": sections.OutageRules,
    "payout": sections.PayoutRules,
    "processing": sections.ProcessingRules,
    "withdrawal": sections.WithdrawalRules,
    "balance": sections.BalanceRules,
    "obligations": sections.ObligationRules,
    "calendar": CalendarRules,
}


#: "section.key" -> its default, of every key with one that no other key changes.
SECTION_DEFAULTS: Mapping[str, Any] = {
    f"{section}.{each.name}": each.default
    for section, make in _SECTIONS.items()
    for each in fields(make)
    if each.default is not MISSING and f"{section}.{each.name}" not in _INHERITED
}


def kind_of(key: str) -> str | None:
    """The kind that a dotted key is about."""
    return key.removeprefix(_KINDS).partition(".")[0] if key.startswith(_KINDS) else None


def rows(said: Said, prefix: str) -> dict[str, dict[str, Any]]:
    """The rows of a table of rows: `claims.kinds.` or `payout.methods.`.

    The row itself is said as `claims.kinds.NAME`, so that one without any key is there.
    """
    inside = {
        key.removeprefix(prefix): value for key, value in said.items() if key.startswith(prefix)
    }
    found: dict[str, dict[str, Any]] = {name: {} for name in inside if "." not in name}
    for key, value in inside.items():
        name, _, inner = key.partition(".")
        if inner and name in found:
            found[name][inner] = value
    return found


def profile_saying(
    name: str,
    said: Said,
    *,
    limits: tuple[sections.Limit, ...] = (),
    whens: tuple[When, ...] = (),
    version: str = "",
) -> Profile:
    """The policy whose file says this, with every default in its place."""
    values = _by_section(said)
    claims = values["claims"]
    window = ClaimWindow(
        claims.get("window"),
        claims.get("window_from", sections.ClaimRules().window_from),
        claims.get("late", sections.ClaimRules().late),
    )
    kinds = rows(said, _KINDS)
    claims["kinds"] = {kind: kind_rule(kind, row, window) for kind, row in kinds.items()}
    values["payout"]["methods"] = {
        method: sections.MethodRules(**row) for method, row in rows(said, _METHODS).items()
    }
    values["withdrawal"] = _inherited(claims) | values["withdrawal"]
    _email_rule(values["withdrawal"])
    return Profile(
        name=name,
        version=version,
        effective_from=said.get("effective_from"),
        labels={**DEFAULT_LABELS, **_labels(said)},
        limits=limits,
        whens=whens,
        said=said,
        _unlisted=_unlisted(kinds, window),
        **{section: make(**values[section]) for section, make in _SECTIONS.items()},
    )


def _by_section(said: Said) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for key, value in said.items():
        section, _, name = key.partition(".")
        if section in values and "." not in name:
            values[section][name] = value
    return values


def _labels(said: Said) -> Labels:
    return {
        key.removeprefix(_LABELS): words for key, words in said.items() if key.startswith(_LABELS)
    }


def _inherited(claims: Mapping[str, Any]) -> dict[str, Any]:
    """What a withdrawal takes over from claims where the file says nothing else."""
    return {key: claims[key] for key in ("channels", "reasons_required") if key in claims}


def _email_rule(withdrawal: dict[str, Any]) -> None:
    withdrawal.setdefault("email_must_match", "email" in withdrawal.get("required_fields", ()))


def _unlisted(kinds: Mapping[str, Mapping[str, Any]], window: ClaimWindow) -> dict[str, KindRule]:
    """The rules of the kinds without a row, where there is the row `other`.

    A known kind keeps what the worker knows of it; `other` stands for every name nobody knows.
    """
    row = kinds.get(OTHER)
    if row is None:
        return {}
    names = [*(KNOWN_KINDS.keys() - kinds.keys()), OTHER]
    return {name: kind_rule(name, row, window) for name in names}
