"""All sentences of one policy, in the order in which a decision is made."""

from collections.abc import Iterable, Iterator

from worker.domain.calendar import Duration
from worker.domain.policy.clauses import Clause
from worker.domain.policy.explain import accounts, claims, orders, payments
from worker.domain.policy.explain.wording import Sentence, Template, listed
from worker.domain.policy.language.content import plain
from worker.domain.policy.language.matching import Match, When
from worker.domain.policy.language.profile import Profile, kind_of
from worker.domain.policy.vocabulary import Reason

TEMPLATES: tuple[Template, ...] = (
    *orders.ENDINGS,
    *orders.BARS,
    *claims.CLAIMS,
    *claims.REPAIR,
    *orders.RENTALS,
    *payments.PAYOUTS,
    *payments.DATES,
    *accounts.ACCOUNTS,
    *payments.OBLIGATIONS,
    *payments.CALENDAR,
)
_AFTER_KINDS = "rectify."  #: The kinds stand between claims and the repair.


def sentences(profile: Profile) -> Iterator[Sentence]:
    """One for each key that decides something, one for each kind, method, limit and exception."""
    yield from _of_file(profile)
    for index, when in enumerate(profile.whens):
        yield from _exception(profile, index, when)


def _of_file(profile: Profile) -> Iterator[Sentence]:
    """What is said of every order, exceptions left out."""
    first = next(i for i, each in enumerate(TEMPLATES) if each.key.startswith(_AFTER_KINDS))
    yield from _of(profile, TEMPLATES[:1])
    yield from _labels(profile)
    yield from _of(profile, TEMPLATES[1:first])
    yield from _kinds(profile)
    yield from _of(profile, TEMPLATES[first:])
    for name, rules in profile.payout.methods.items():
        key = f"payout.methods.{name}"
        yield _sentence(profile, key, payments.method_sentence(profile, name, rules))
    for index, limit in enumerate(profile.limits):
        text = payments.limit_sentence(limit)
        yield Sentence(
            f"limits[{index}]", text, said=True, reasons=frozenset({Reason.LIMIT_REACHED})
        )


def clause_ids(sentence: Sentence, clauses: Iterable[Clause]) -> list[str]:
    """The clauses whose decisions the sentence is about."""
    return [clause.id for clause in clauses if clause.reasons & sentence.reasons]


def _of(profile: Profile, templates: Iterable[Template]) -> Iterator[Sentence]:
    for template in templates:
        text = template.say(profile)
        if text is not None:
            yield _sentence(profile, template.key, text, template.reasons)


def _labels(profile: Profile) -> Iterator[Sentence]:
    """What the labels mean that an exception asks for."""
    asked = {label for when in profile.whens for label in when.match.label or ()}
    for label in sorted(asked & profile.labels.keys()):
        words = listed(profile.labels[label], "or")
        text = f"An order has the label {label} when its service is {words}, or when it says so."
        yield _sentence(profile, f"labels.{label}", text)


def _kinds(profile: Profile) -> Iterator[Sentence]:
    for name, rule in profile.claims.kinds.items():
        text = claims.kind_sentence(profile, rule)
        yield _sentence(profile, f"claims.kinds.{name}", text, claims.kind_reasons(rule))


def _exception(profile: Profile, index: int, when: When) -> Iterator[Sentence]:
    """What an exception changes, each as it is said of the file itself.

    One key may change the sentence of another: Cancel gives the money back where the mode does.
    """
    variant = profile.with_whens((index,))
    told = {(_says(sentence.key), sentence.words) for sentence in _of_file(profile)}
    changed = set(when.changes) | {f"claims.kinds.{kind_of(key)}" for key in when.changes}
    for sentence in _of_file(variant):
        key = _says(sentence.key)
        if key in changed or (key, sentence.words) not in told:
            text = f"{_orders(when.match)}: {sentence.words}"
            yield Sentence(
                f"{when.place}.{sentence.key}", text, said=True, reasons=sentence.reasons
            )


def _orders(match: Match) -> str:
    parts = [f"{name} {_word(value)}" for name, value in _told(match)]
    return f"Orders with {', '.join(parts)}"


def _told(match: Match) -> Iterator[tuple[str, object]]:
    for name in match.__slots__:
        if (value := getattr(match, name)) is not None:
            yield name, value


def _word(value: object) -> str:
    words = plain(value)
    if isinstance(words, list):
        return listed((str(word).lower() for word in words), "or")
    return str(words)


def _says(key: str) -> str:
    for unit in ("_business_days", "_days", "_months", "_s"):
        if key.endswith(unit) and key.removesuffix(unit) in _TIMES:
            return key.removesuffix(unit)
    return key


_TIMES = frozenset({"claims.window", "processing.credit", "processing.review", "processing.pay"})


def _sentence(profile: Profile, key: str, text: str, reasons: Iterable[Reason] = ()) -> Sentence:
    value = profile.said.get(key)
    unit = f"_{value.unit.value}" if isinstance(value, Duration) else ""
    return Sentence(f"{key}{unit}", text, said=key in profile.said, reasons=frozenset(reasons))
