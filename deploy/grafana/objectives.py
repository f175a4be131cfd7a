"""The Objectives board: what is left of what may go wrong in 30 days, and how fast it goes."""

from typing import Final

from deploy.grafana.board import Row, board, provider
from deploy.grafana.panels import AMBER, GREEN, RED, Json, Panel, Query, lines, tile
from deploy.grafana.selectors import A, P, W, quantile

UID: Final = "activation-worker-objectives"
#: Of the credits, how many may be later than the grace and five seconds; of the looks, how many
#: may begin later than five seconds.
LATE_CREDITS_MAX: Final = 0.001
LATE_LOOKS_MAX: Final = 0.01
#: The burn rates at which the alerts of the same windows fire.
BURNS: Final = ((1, AMBER), (6, "semi-dark-orange"), (14.4, RED))
BUDGET: Final = ((None, RED), (0.0001, AMBER), (0.25, GREEN))


def objectives() -> Json:
    return board(
        uid=UID,
        title="Activation worker: objectives",
        says="Is what was promised kept, over the days that are shown?",
        variables=[provider()],
        begins="now-30d",
        rows=[
            Row("Over all that is shown. Grey: nothing happened", _budgets()),
            Row("How fast the budget goes: 1 is as fast as allowed", _burns()),
            Row("What customers get", _kept()),
        ],
    )


def _late(histogram: str, edge: str, matchers: str, by: str = "") -> str:
    """The share that was later than *edge*, over all that is shown."""
    seen = f"increase({A}{histogram}_count{{{matchers}}}[$__range])"
    good = f'increase({A}{histogram}_bucket{{{matchers}, le="{edge}"}}[$__range])'
    return f"1 - sum{by} ({good}) / (sum{by} ({seen}) > 0)"


CREDITS: Final = _late("credit_lateness_seconds", "65.0", W)
LOOKS: Final = f"max({_late('look_lateness_seconds', '5.0', P, ' by (provider)')})"


def _budgets() -> list[Panel]:
    return [
        tile(
            "Credits: budget left",
            f"clamp_min(1 - ({CREDITS}) / {LATE_CREDITS_MAX}, 0)",
            "percentunit",
            normal="over 25 % at the end of 30 days; 1 of 1,000 may be later than 65 s",
            otherwise="deploy nothing risky, and mend what made credits late",
            width=6,
            thresholds=BUDGET,
            runbook="ActivationWorkerCreditBurn",
        ),
        tile(
            "Credits in time",
            f"1 - ({CREDITS})",
            "percentunit",
            normal="99.9 % or more",
            otherwise="the outages that are marked below say when",
            width=6,
            thresholds=((None, RED), (1 - LATE_CREDITS_MAX, GREEN)),
            runbook="ActivationWorkerCreditLate",
        ),
        tile(
            "Looks: budget left, worst provider",
            f"clamp_min(1 - ({LOOKS}) / {LATE_LOOKS_MAX}, 0)",
            "percentunit",
            normal="over 25 % at the end of 30 days; 1 of 100 may begin later than 5 s",
            otherwise="find the provider below, and raise its rate or start a process",
            width=6,
            thresholds=BUDGET,
            runbook="ActivationWorkerLookBurn",
        ),
        tile(
            "Looks in time, worst provider",
            f"1 - ({LOOKS})",
            "percentunit",
            normal="99 % or more",
            otherwise="see on Inside whether one provider is late or all",
            width=6,
            thresholds=((None, RED), (1 - LATE_LOOKS_MAX, GREEN)),
            runbook="ActivationWorkerLookBurn",
        ),
    ]


def _burns() -> list[Panel]:
    return [
        lines(
            "Credits: burn",
            [
                Query(
                    f'{A}credits_late:ratio_rate{window}{{job=~"$job"}} / {LATE_CREDITS_MAX}',
                    window,
                )
                for window in ("1h", "6h", "1d", "3d")
            ],
            "short",
            normal="under 1 over each window",
            otherwise="above 14.4 over 1 h or 6 over 6 h it pages",
            limits=BURNS,
            width=12,
            runbook="ActivationWorkerCreditBurnSlow",
        ),
        lines(
            "Looks: burn, worst provider",
            [
                Query(
                    f"max(provider:{A}looks_late:ratio_rate{window}"
                    f'{{job=~"$job", provider=~"$provider"}}) / {LATE_LOOKS_MAX}',
                    window,
                )
                for window in ("1h", "6h", "1d", "3d")
            ],
            "short",
            normal="under 1 over each window",
            otherwise="above 14.4 over 1 h or 6 over 6 h it pages",
            limits=BURNS,
            width=12,
            runbook="ActivationWorkerLookBurnSlow",
        ),
    ]


def _kept() -> list[Panel]:
    return [
        lines(
            "Credit lateness",
            [
                Query(quantile(0.5, "credit_lateness_seconds"), "median"),
                Query(quantile(0.99, "credit_lateness_seconds"), "99 of 100"),
            ],
            "s",
            normal="about 1 s, and 60 s while a provider is silent",
            otherwise="above the line customers wait longer than promised",
            limit=65,
            runbook="ActivationWorkerCreditLate",
        ),
        lines(
            "Looks late, over an hour",
            [
                Query(
                    f'provider:{A}looks_late:ratio_rate1h{{job=~"$job", provider=~"$provider"}}',
                    "{{provider}}",
                )
            ],
            "percentunit",
            normal="under 1 % for each provider",
            otherwise="codes of that provider are shown late; see its board",
            limit=LATE_LOOKS_MAX,
            runbook="ActivationWorkerLookBurn",
        ),
        lines(
            "Codes told, 95 of 100",
            [Query(quantile(0.95, "code_told_seconds"), "told")],
            "s",
            normal="under 2 s from the code's record until the endpoint took it",
            otherwise="ask the shop whether its endpoint is slow",
            runbook="ActivationWorkerEventsStuck",
            desk="/events",
        ),
    ]
