"""`policy explain` says nothing that is false: every sentence follows the values, and holds."""

import tomllib

import pytest

from tests.unit.domain.policy.policy_texts import NOTHING_IDLE
from tests.unit.domain.policy.sentence_cases import CASES, kind
from worker.domain.policy import Profile, load_profile, policy_names
from worker.domain.policy.explain.page import TEMPLATES, sentences
from worker.domain.policy.explain.wording import percent, seconds
from worker.domain.policy.language.content import is_default
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.language.profile import kind_of, profile_saying
from worker.domain.policy.language.schema import KEYS

POLICIES = [
    *(pytest.param(load_profile(name), id=name) for name in policy_names()),
    *(
        pytest.param(profile_from(tomllib.loads(text), name="shop", file="shop"), id=text)
        for text in NOTHING_IDLE
    ),
]
#: Said in the sentence of another key.
TOLD_TOGETHER = {"cancel.ratio_of"}


def test_every_key_has_one_template() -> None:
    templates = [template.key for template in TEMPLATES]
    assert len(templates) == len(set(templates))
    assert {key.says for key in KEYS.values()} - set(templates) == TOLD_TOGETHER
    assert set(templates) - {key.says for key in KEYS.values()} == {"claims.kinds"}


@pytest.mark.parametrize("profile", POLICIES)
def test_each_sentence_holds_for_the_cases_made_from_its_values(profile: Profile) -> None:
    told = [sentence.key for sentence in sentences(profile)]
    for template in TEMPLATES:
        if template.say(profile) is not None and template.key in CASES:
            CASES[template.key](profile)
            assert any(key.startswith(template.key) for key in told)
    for rule in profile.claims.kinds.values():
        kind(profile, rule)


@pytest.mark.parametrize("profile", POLICIES)
def test_a_changed_value_changes_what_is_said(profile: Profile) -> None:
    page = [sentence.words for sentence in sentences(profile)]
    for key, value in profile.said.items():
        is_row = kind_of(key) is not None and key.count(".") == 2
        as_the_mode = key == "cancel.button" and value is profile.credits_automatically
        if is_row or is_default(key, value) or key.endswith(".decided") or as_the_mode:
            continue
        without = {name: said for name, said in profile.said.items() if name != key}
        if key.endswith(".log") or key.startswith("payout.methods.") or key == "rectify.seconds":
            continue  # What is left says no policy: a kind without its test, a row without it.
        other = profile_saying("shop", without, limits=profile.limits, whens=profile.whens)
        assert [sentence.words for sentence in sentences(other)] != page, key


def test_times_and_shares_are_said_in_whole_units() -> None:
    assert [seconds(count) for count in (1, 60, 90, 3600, 3660, 86_400, 432_000, 90_061)] == [
        "1 second",
        "1 minute",
        "1 minute and 30 seconds",
        "1 hour",
        "1 hour and 1 minute",
        "24 hours",
        "5 days of 24 hours",
        "25 hours, 1 minute, 1 second",
    ]
    assert [percent(bp) for bp in (0, 5, 1000, 1234)] == ["0 %", "0.05 %", "10 %", "12.34 %"]


REPAIRED = (
    'claims.kinds.x = { decided = "repair" }\nrectify.seconds = 60\npayout.route = "client"\n'
)
BY_AGE = "payout.fee_steps = [[0, 100], [1, 200]]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'withdrawal.mode = "balance"\n' + BY_AGE,
            (
                "By whole years since the last deposit the fee of a withdrawal is 1 %,"
                " 2 % from 1 year on."
            ),
        ),
        (
            'withdrawal.mode = "balance"\npayout.route = "wallet"\npayout.fee = "by_deposit_age"\n'
            + BY_AGE,
            (
                "By whole years since the last deposit that fee, and that of a withdrawal, is 1 %,"
                " 2 % from 1 year on."
            ),
        ),
        (
            'withdrawal.mode = "balance"\npayout.fee_bp = 100',
            "Of all money that leaves a fee of 1 % is withheld, besides any other.",
        ),
        (
            (
                'limits = [{ of = "x", per = "month", max_count = 3 }]\n'
                'claims.kinds.x = { decided = "grant" }'
            ),
            (
                "With more than 3 of the paid claims of the kind x of an account in the last month,"
                " this one included, a human decides."
            ),
        ),
        (
            (
                'limits = [{ of = "other", per = "month", max_count = 3 }]\n'
                'claims.kinds.other = { decided = "grant" }'
            ),
            (
                "With more than 3 of the paid claims of kinds without a row here of an account in"
                " the last month, this one included, a human decides."
            ),
        ),
    ],
)
def test_a_fee_says_of_what_it_is_and_a_limit_counts_back_from_now(text: str, told: str) -> None:
    shop = profile_from(tomllib.loads(text), name="shop", file="shop")

    assert told in [sentence.words for sentence in sentences(shop)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'claims.kinds.x = { decided = "grant", share_bp = 0 }',
            "x: it pays on request; it is worth nothing, so that it is denied (not_covered).",
        ),
        (
            'claims.kinds.x = { decided = "repair", share_bp = 5000 }\nrectify.seconds = 60',
            (
                "The shop has 1 minute to repair, from the first notice; then what its kind is"
                " worth is due."
            ),
        ),
        (
            'sms.auto_credit_mode = "automatic"\ncancel = { max_ratio_bp = 5000 }',
            (
                "When more than 50 % of an account's last 10 orders already ended by Cancel, a"
                " press is over the limit; with fewer orders it is not asked."
            ),
        ),
        (
            REPAIRED + 'payout.fee = "disclosed"',
            (
                "Of a claim that leaves, the fee is withheld that was disclosed with the order,"
                " save of a missed repair."
            ),
        ),
        (
            REPAIRED + "payout.fee_bp = 500",
            (
                "Of all money that leaves a fee of 5 % is withheld, besides any other, save of a"
                " missed repair."
            ),
        ),
        (
            REPAIRED + "payout.methods.card.fee_minor = 9",
            "Money goes back to card less a fee of 9 in minor units, save of a missed repair.",
        ),
        (
            'sms = { hold_for = ["charged_back"], auto_credit_mode = "automatic" }',
            (
                "For an account with charged_back a human decides about the automatic credit and"
                " the credit of Cancel."
            ),
        ),
        (
            (
                'sms.hold_for = ["charged_back"]\n'
                'rental = { cancel_until_s = 60, empty_at_end = "automatic" }'
            ),
            (
                "For an account with charged_back a human decides about a rental that is given"
                " back and an empty rental at its end."
            ),
        ),
        (
            'bars.fulfilment = "nothing"',
            "A shown code of a one-time number bars only the statement that no SMS came.",
        ),
        (
            'rental.early_end = "deny"',
            (
                "A rental that is ended early gives nothing back; where that is due to a problem, a"
                " human decides."
            ),
        ),
    ],
)
def test_a_sentence_says_what_becomes_of_the_rest(text: str, told: str) -> None:
    shop = profile_from(tomllib.loads(text), name="shop", file="shop")

    assert told in [sentence.words for sentence in sentences(shop)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'when = [{ match.label = "vip", sms.auto_credit_mode = "automatic" }]',
            "Orders with label vip: Cancel gives the money back while no SMS came.",
        ),
        (
            'when = [{ match.label = "vip", rental.early_end = "unused" }]\nrental.fee_minor = 9',
            "Orders with label vip: Of that part a fee of 9 in minor units is withheld.",
        ),
    ],
)
def test_an_exception_says_every_sentence_that_it_changes(text: str, told: str) -> None:
    shop = profile_from(tomllib.loads(text), name="shop", file="shop")

    assert told in [sentence.words for sentence in sentences(shop)]
