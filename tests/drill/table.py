"""The rows of the drill: one entry a fault, and nothing else names them."""

from typing import Final

from tests.acceptance.world import PROVIDER
from tests.chaos.stage import PRICE, ProviderPlan
from tests.drill import faults
from tests.drill.act import First, Row

PAGE: Final = "page"
TICKET: Final = "ticket"

ROWS: Final = (
    Row(
        name="healthy",
        says="nothing is wrong",
        fault=faults.nothing,
        first=None,
        lasts=90,
    ),
    Row(
        name="database-paused",
        says="PostgreSQL stands still",
        fault=faults.database_paused,
        first=First("DatabaseDown", PAGE, "database", 30),
        lasts=150,
        resolved_within=300,
        silenced=frozenset({"Blind", "CreditLate"}),
    ),
    Row(
        name="redis-killed",
        says="Redis is killed",
        fault=faults.redis_killed,
        first=First("RedisDown", TICKET, "Redis", 30),
        lasts_quick=14,
    ),
    Row(
        name="provider-hangs",
        says="one of two providers hangs",
        fault=faults.provider_fault("hang"),
        first=First("ProviderDown", TICKET, PROVIDER, 60),
        lasts=120,
    ),
    Row(
        name="provider-503",
        says="one of two providers answers 503",
        fault=faults.provider_fault("unavailable"),
        first=First("ProviderDown", TICKET, PROVIDER, 30),
        lasts=90,
    ),
    Row(
        name="provider-refuses",
        says="a provider refuses our key",
        fault=faults.provider_fault("bad-key"),
        first=First("ProviderRefuses", PAGE, PROVIDER, 20),
        lasts=90,
    ),
    Row(
        name="limit-filled",
        says="purchases in doubt fill the exposure limit",
        fault=faults.doubts(faults.FILLING),
        first=First("ProviderHalted", PAGE, PROVIDER, 120),
        lasts=110,
        settings={"AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5"},
        plans=(
            ProviderPlan(
                PROVIDER, settings={"EXPOSURE_LIMIT_MINOR": str(PRICE * faults.FILL_LIMIT)}
            ),
        ),
    ),
    Row(
        name="limit-near",
        says="purchases in doubt come near the exposure limit",
        fault=faults.doubts(faults.NEARING),
        first=First("ExposureNearLimit", TICKET, PROVIDER, 90),
        lasts=90,
        settings={"AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5"},
        plans=(
            ProviderPlan(
                PROVIDER, settings={"EXPOSURE_LIMIT_MINOR": str(PRICE * faults.FILL_LIMIT)}
            ),
        ),
    ),
    Row(
        name="provider-unreadable",
        says="one of two providers answers with a page of HTML",
        fault=faults.provider_fault("html"),
        first=First("ProviderErrors", TICKET, PROVIDER, 120),
        lasts=90,
        also=frozenset({"LooksFail"}),
        resolved_within=300,
        settings={"AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5"},
    ),
    Row(
        name="balance-changed",
        says="somebody changes a balance by hand",
        fault=faults.balance_changed,
        first=First("AuditViolation", PAGE, "balance_is_sum_of_transfers", 60),
        resolved_within=420,
    ),
    Row(
        name="endpoint-dead",
        says="the shop's endpoint takes no event",
        fault=faults.endpoint_dead,
        first=First("EndpointFails", PAGE, "endpoint", 60),
        lasts=330,
        silenced=frozenset({"EventsStuck"}),
    ),
    Row(
        name="endpoint-refuses-most",
        says="the shop's endpoint takes 1 event of 100",
        fault=faults.endpoint_refuses_most,
        first=First("EndpointFails", PAGE, "endpoint", 60),
        lasts=60,
    ),
    Row(
        name="daemon-killed",
        says="one of two workers is killed",
        fault=faults.daemon_killed,
        first=First("InstanceDown", TICKET, "{0}", 45),
    ),
    Row(
        name="daemons-killed",
        says="both workers are killed",
        fault=faults.all_daemons_killed,
        first=First("NoWorker", PAGE, "worker", 30),
        lasts=45,
    ),
    Row(
        name="daemon-gone",
        says="one of two workers is gone from discovery",
        fault=faults.gone_from_discovery,
        healthy=60,  # What is usual is the median of half an hour: of three minutes here.
        first=First("InstanceGone", TICKET, "{1}", 60),
    ),
    Row(
        name="daemon-cut-off",
        says="one of two workers does not reach the database",
        fault=faults.daemon_cut_off,
        first=First("CutOff", TICKET, "{1}", 45),
        lasts=90,
    ),
    Row(
        name="second-incident",
        says="a credit comes late, and some minutes after it another one",
        fault=faults.handed_over_late,
        first=First("CreditLate", PAGE, "late", 20),
        lasts=5,
        lasts_quick=5,
        incidents=2,
    ),
    Row(
        name="account-locked",
        says="somebody locks an account whose numbers are over",
        fault=faults.account_locked,
        first=First("Overdue", PAGE, "customers", 120),
        lasts=0,
        lasts_quick=0,
    ),
    Row(
        name="unreadable-handover",
        says="a number handed over through arq cannot be read",
        fault=faults.handed_over_unreadable,
        first=First("IntakeRefused", TICKET, "invalid", 20),
        resolved_within=420,
    ),
    Row(
        name="late-code",
        says="a code comes after its number was credited",
        fault=faults.code_after_the_credit,
        first=First("LateCode", "nobody", PROVIDER, 60),
        resolved_within=420,
        settings={"AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5"},
    ),
)
