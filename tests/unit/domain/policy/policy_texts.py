"""Small policy files: for each key one in which it decides something."""

AUTO = 'sms.auto_credit_mode = "automatic"\n'
LOG = 'claims.kinds.non_receiving = { decided = "log" }\n'
GRANT = 'claims.kinds.gift = { decided = "grant" }\n'
REVIEW = 'claims.kinds.bad = { decided = "review" }\n'
EVIDENCE = 'claims.kinds.bad = { decided = "evidence" }\n'
REPAIR = 'claims.kinds.d = { decided = "repair" }\nrectify.seconds = 3600\n'
OUT = 'payout.route = "client"\n'
BALANCE = 'withdrawal.mode = "balance"\n'
PAID = 'withdrawal.decided = "grant"\n'
WALLET = 'withdrawal.destination = "wallet"\n'
REPLACED_FIRST = (
    'claims.kinds.x = { decided = "log", log = "stopped", remedy = "replacement_first" }\n'
)
TOPUPS = 'withdrawal.mode = "unused_topups"\n'


def when(match: str, keys: str) -> str:
    return f"[[when]]\nmatch = {{ {match} }}\n{keys}\n"


def limit(text: str) -> str:
    return f"limits = [{{ {text} }}]"


TO_END_OF_DAY = 'calendar.day_count = "calendar_end_of_day"\n'

NOTHING_IDLE = [
    # An outage and the end of a rental come long after the purchase, and so does what they count.
    'outage.threshold_s = 86400\nlimits = [{ of = "auto_credit", per = "day", max_count = 1 }]',
    'rental.empty_at_end = "automatic"\nlimits = [{ of = "any", per = "week", max_count = 1 }]',
    # The day of the start ends at one instant, whatever its hour is.
    'claims = { window_days = 3, window_from = "issue", kinds.x = {} }\n' + TO_END_OF_DAY,
    'claims.kinds.x = { window_days = 3, window_from = "renewal" }\n' + TO_END_OF_DAY,
    "",
    AUTO,
    'effective_from = "2026-01-01T00:00:00Z"',
    'effective_from = "1971-01-01T00:00:00Z"',
    "sms.sms_window_s = 60",
    AUTO + 'sms.undisplayed_in_time = "review"',
    AUTO + 'sms.hold_for = ["fraud_suspected"]',
    'rental.empty_at_end = "automatic"\nsms.hold_for = ["charged_back"]',
    "cancel.button = false",
    "cancel.from_s = 60",
    'cancel.until_s = 60\ncancel.late = "deny"',
    AUTO + 'cancel.max_per_day = 100000\ncancel.over_limit = "review"',
    AUTO + "cancel.max_ratio_bp = 3000\ncancel.ratio_of = 500",
    "renewal.refund_window_s = 60\ncancel.max_per_day = 3",
    AUTO + 'bars.unlawful = "all"',
    GRANT + 'bars.fraud = "all"',
    BALANCE + 'bars.complaint = "client"',
    'bars.law_enforcement = "client"',
    'bars.rules_block = "client"',
    LOG + 'bars.documents = "client"',
    "bars.restrictions = true",
    LOG + 'bars.fulfilment = "activated"',
    GRANT + 'bars.fulfilment = "nothing"',
    REVIEW + 'bars.sms = "displayed"',
    REPAIR + 'claims.channels = ["mail"]',
    BALANCE + 'claims.channels = ["mail"]',
    GRANT + 'claims.required_fields = ["amount"]',
    EVIDENCE + "claims.reasons_required = true",
    LOG + 'claims.reasons_required = true\nclaims.form_for = "judged"',
    LOG + 'claims.window_days = 3\nclaims.late = "review"',
    EVIDENCE + 'claims.window_s = 7200\nclaims.window_from = "issue"',
    GRANT + 'claims.window_s = 7200\nclaims.window_from = "start"',
    REVIEW + 'claims.window_s = 7200\nclaims.window_from = "renewal"',
    REPAIR + "claims.window_months = 3",
    "claims.window_days = 3",
    LOG + "claims.honour_days = 10",
    REPAIR + "claims.first_purchase_only = true",
    EVIDENCE + "claims.usage_max_bp = 2000",
    *(
        f'claims.kinds.x = {{ decided = "log", log = "{test}" }}'
        for test in ("no_sms", "not_provided", "cancel_failed", "blocked", "stopped")
    ),
    'claims.kinds.no_numbers = { decided = "log", unlogged = "grant" }',
    'claims.kinds.cancel_error = { decided = "log", unlogged = "deny" }',
    OUT + 'claims.kinds.x = { decided = "grant", to = "balance" }',
    OUT + 'claims.kinds.x = { decided = "evidence", client_if = "was_listed" }',
    'claims.kinds.x = { decided = "log", log = "stopped", remedy = "replacement_first" }',
    'claims.kinds.x = { decided = "review", share_bp = 3000 }',
    'claims.kinds.x = { decided = "evidence", evidence = ["photo", "video"] }',
    'claims.kinds.cancel_error = { decided = "log", unlogged = "evidence", evidence = ["video"] }',
    'claims.kinds.x = { decided = "grant", before_sms = true }',
    'claims.kinds.x = { decided = "deny", unless_listed = true, before_sms = true }',
    'claims.kinds.x = { decided = "deny", reason = "changed_mind" }',
    'claims.kinds.other = { decided = "deny", reason = "changed_mind" }',
    'claims = { channels = ["m"], kinds = { x = { decided = "grant", any_channel = true } } }',
    'claims.kinds.x = { decided = "review", window_s = 7200, late = "review" }',
    'claims = { window_days = 2, kinds = { x = { decided = "grant", window_days = 4 } } }',
    REPAIR + "rectify.replacement_offered = true\nrectify.replacement_tolerance_bp = 0",
    REPAIR + "rectify.host_access_grace_s = 60",
    "rental.cancel_until_s = 60\nrental.cancel_from_s = 30",
    'rental.cancel_unless = "received"',
    'rental.early_end = "review"',
    'rental.early_end = "unused"\nrental.unit = "month"\nrental.used_counts = "complete"',
    'rental.early_end = "unused"\nrental.unit = "exact"\nrental.fee_minor = 100000',
    GRANT + 'rental.unit = "hour"',
    LOG + 'rental.empty_at_end = "on_claim"',
    'renewal.refund_window_s = 60\nrenewal.unless = "displayed"',
    'outage.threshold_s = 0\noutage.day_count = "started_24h"',
    "outage.threshold_s = 864000\noutage.refund_cap_months = 2",
    LOG + 'payout = { route = "method_of_payment", judged = true, unable = "balance" }',
    LOG + 'payout = { route = "wallet", kyc = true }',
    REVIEW + 'payout = { route = "as_decided", fee = "disclosed" }',
    LOG + OUT + 'payout.fee = "by_deposit_age"\npayout.fee_steps = [[0, 0], [7, 500]]',
    EVIDENCE + OUT + "payout.fee_bp = 5\npayout.fee_minor = 5",
    LOG + OUT + "payout.methods = { card = { refundable = false }, coin = { fee_bp = 3 } }",
    LOG + OUT + "payout.methods.card = { least_minor = 100000, business_days = 3 }",
    BALANCE + "payout.methods.card = { fee_minor = 5 }",
    BALANCE + 'withdrawal.destination = "wallet"\npayout.kyc = true',
    BALANCE + 'payout.unable = "deny"',
    TOPUPS + "payout.fee_steps = [[0, 5], [3, 6]]",
    AUTO + "processing.credit_s = 60",
    "processing.review_business_days = 6",
    "processing.pay_days = 6\nprocessing.extendable = true",
    "processing.pay_days = 3660\nprocessing.extendable = true",
    # A kind without a row follows that of `other`.
    GRANT.replace("gift", "other") + limit('of = "late_code", per = "day", max_count = 2'),
    BALANCE + "processing.payment_info_days = 3",
    BALANCE + 'withdrawal.decided = "grant"\nwithdrawal.least_minor = 700',
    TOPUPS + 'withdrawal.topup_max_age_days = 7\nwithdrawal.channels = ["a"]',
    BALANCE + 'withdrawal.reasons_required = true\nwithdrawal.required_fields = ["email"]',
    BALANCE + "withdrawal.email_must_match = true\nwithdrawal.psp_commission = true",
    TOPUPS + 'withdrawal.exclude_reasons = ["caller_id"]',
    BALANCE + 'withdrawal.evidence_for = ["sms_problem"]\nwithdrawal.spent_bars = "activated"',
    'withdrawal.mode = "never"',
    'balance.idle_months = 3\nbalance.idle_then = "void"',
    'balance.expires = false\nbalance.deletion_voids = true\nbalance.rules_block = "void"',
    'balance.chargeback = "freeze"',
    EVIDENCE + "obligations.answer_days = 3",
    BALANCE + "withdrawal.email_must_match = true\nobligations.answer_days = 3",
    LOG + 'payout = { route = "wallet", kyc = true }\nobligations.kyc_days = 3',
    EVIDENCE + 'payout = { route = "wallet", kyc = true }\nobligations.kyc_days = 3',
    BALANCE + WALLET + "payout.kyc = true\nobligations.kyc_days = 3",
    REPAIR + "rectify.host_access_grace_s = 60\nobligations.access_days = 3",
    BALANCE + 'withdrawal.evidence_for = ["sms_problem"]\nobligations.answer_days = 3',
    EVIDENCE + OUT + "obligations.alternative_days = 3",
    BALANCE + "obligations.alternative_days = 3",
    REPAIR
    + "rectify.replacement_offered = true\n"
    + 'obligations.replacement_business_days = 2\ncalendar.holidays = ["2026-12-25"]',
    REPLACED_FIRST + "obligations.replacement_business_days = 2",
    LOG + 'claims.window_days = 3\ncalendar.day_count = "calendar_end_of_day"',
    TOPUPS
    + 'withdrawal.topup_max_age_days = 2\ncalendar.day_count = "calendar_end_of_day"\n'
    + 'calendar.timezone = "America/New_York"',
    (
        "processing.review_business_days = 2\n"
        'calendar.timezone = "Europe/Berlin"\n'
        'calendar.holidays = ["2026-12-26", "2026-12-25"]'
    ),
    AUTO + limit('of = "auto_credit", per = "week", max_ratio_bp = 2000, ratio_of = 5'),
    AUTO + limit('of = "cancel", per = "day", max_count = 5000, then = "close"'),
    GRANT + limit('of = "gift", per = "year", max_minor = 3000, max_count = 2'),
    BALANCE
    + 'withdrawal.decided = "grant"\n'
    + limit('of = "payout", per = "month", max_count = 2'),
    EVIDENCE.replace("bad", "invalid_number") + "claims.telegram_2fa_video = true",
    "claims.api_telegram_2fa_refundable = false",
    (
        'claims.kinds.other = { decided = "deny", reason = "changed_mind" }\n'
        "claims.api_telegram_2fa_refundable = false"
    ),
    (
        'claims = { channels = ["m"], form_for = "judged", kinds = { '
        'non_receiving = { decided = "log" }, x = { decided = "grant", any_channel = true } } }'
    ),
    'labels.slow = ["wa"]\n' + when('label = "slow"', "sms.sms_window_s = 60"),
    *(
        GRANT + when(match, "claims.kinds.gift = { share_bp = 1 }")
        for match in (
            'service = "x"',
            'country = "de"',
            'operator = "o"',
            'label = "telegram"',
            'product = "rental"',
            'buy_channel = "api"',
            'payment_method = "card"',
            "service_2fa = true",
            "price_from_minor = 800, price_to_minor = 900",
        )
    ),
    LOG + when('service = "x"', "claims.window_s = 60\ncancel.button = false"),
    # What an exception switches on may need a limit or a key of the file.
    limit('of = "auto_credit", per = "week", max_count = 2')
    + "\n"
    + when('label = "vip"', 'sms.auto_credit_mode = "automatic"'),
    LOG
    + limit('of = "bonus", per = "month", max_count = 1')
    + "\n"
    + when('label = "vip"', 'claims.kinds.bonus = { decided = "grant" }'),
    LOG
    + 'calendar.holidays = ["2027-04-01"]\n'
    + when('label = "vip"', "processing.credit_business_days = 1"),
    LOG + "payout.fee_bp = 500\n" + when('country = "de"', 'payout.route = "client"'),
    'rental = { unit = "hour", fee_minor = 100 }\n'
    + when('country = "de"', 'rental.early_end = "unused"'),
    'rental = { early_end = "unused", unit = "month", fee_minor = 100 }',
    # Each maximum of a limit is over alone, however large the others are.
    AUTO + limit('of = "any", per = "month", max_count = 3, max_minor = 100000'),
    AUTO + limit('of = "any", per = "week", max_count = 1, max_minor = 100000'),
    AUTO
    + limit(
        'of = "auto_credit", per = "month", max_count = 10, max_minor = 50000000,'
        " max_ratio_bp = 3000, ratio_of = 20"
    ),
    AUTO + limit('of = "cancel", per = "day", max_count = 100, max_ratio_bp = 9000'),
    AUTO
    + 'cancel = { max_per_day = 20, over_limit = "review" }\n'
    + limit('of = "cancel", per = "day", max_count = 10, then = "deny"'),
    AUTO + limit('of = "any", per = "year", max_ratio_bp = 9500, ratio_of = 20'),
]

#: A file, the key in it that decides nothing, and what the message names.
IDLE = [
    ('sms.hold_for = ["fraud_suspected"]', "sms.hold_for", "no Cancel that credits"),
    ("cancel = { button = false, from_s = 60 }", "cancel.from_s", "cancel.button is false"),
    ("cancel = { button = false, until_s = 60 }", "cancel.until_s", "cancel.button is false"),
    ('cancel.late = "deny"', "cancel.late", "no cancel.until_s"),
    ("cancel.max_per_day = 3", "cancel.max_per_day", "no Cancel that credits"),
    ("cancel.max_ratio_bp = 3000", "cancel.max_ratio_bp", "no Cancel that credits"),
    (AUTO + "cancel.ratio_of = 5", "cancel.ratio_of", "no cancel.max_ratio_bp"),
    (AUTO + 'cancel.over_limit = "deny"', "cancel.over_limit", "no limit on a Cancel"),
    (LOG + 'claims.form_for = "judged"', "claims.form_for", "no claims.channels"),
    (LOG + 'claims.window_from = "issue"', "claims.window_from", "no claims.window_days"),
    (LOG + 'claims.late = "review"', "claims.late", "no claims.window_days"),
    ('claims.kinds.x = { log = "no_sms" }', "claims.kinds.x.log", 'decided = "log"'),
    ('claims.kinds.x = { unlogged = "grant" }', "claims.kinds.x.unlogged", 'decided = "log"'),
    ('claims.kinds.x = { to = "balance" }', "claims.kinds.x.to", "payout.route"),
    ('claims.kinds.x = { client_if = "was_listed" }', "claims.kinds.x.client_if", "payout.route"),
    ('claims.kinds.x = { remedy = "replacement_first" }', "claims.kinds.x.remedy", "stopped"),
    ('claims.kinds.x = { decided = "deny", share_bp = 3 }', "claims.kinds.x.share_bp", "pays"),
    ('claims.kinds.x = { evidence = ["video"] }', "claims.kinds.x.evidence", "evidence"),
    ("claims.kinds.x = { unless_listed = true }", "claims.kinds.x.unless_listed", "deny"),
    (
        'claims.kinds.x = { decided = "grant", reason = "changed_mind" }',
        "claims.kinds.x.reason",
        'decided = "deny"',
    ),
    ("claims.kinds.x = { any_channel = true }", "claims.kinds.x.any_channel", "claims.channels"),
    ('claims.kinds.x = { window_from = "issue" }', "claims.kinds.x.window_from", "a window"),
    ('claims.kinds.x = { decided = "deny", window_s = 60 }', "claims.kinds.x.window_s", ""),
    ("rectify.seconds = 60", "rectify.seconds", 'decided = "repair"'),
    ("rectify.replacement_offered = true", "rectify.replacement_offered", 'decided = "repair"'),
    (
        REPAIR + "rectify.replacement_tolerance_bp = 3",
        "rectify.replacement_tolerance_bp",
        "no rectify.replacement_offered",
    ),
    ("rectify.host_access_grace_s = 5", "rectify.host_access_grace_s", 'decided = "repair"'),
    ("rental.cancel_from_s = 5", "rental.cancel_from_s", "no rental.cancel_until_s"),
    ('rental.unit = "hour"', "rental.unit", "unused part"),
    (
        'rental = { early_end = "unused", unit = "exact", used_counts = "complete" }',
        "rental.used_counts",
        'rental.unit is "exact"',
    ),
    ('rental = { early_end = "deny", fee_minor = 5 }', "rental.fee_minor", "early_end"),
    ('renewal.unless = "received"', "renewal.unless", "no renewal.refund_window_s"),
    ('outage.day_count = "exact"', "outage.day_count", "no outage.threshold_s"),
    ("outage.refund_cap_months = 1", "outage.refund_cap_months", "no outage.threshold_s"),
    ("payout.judged = true", "payout.judged", "no payout.route"),
    ("payout.kyc = true", "payout.kyc", "to the wallet"),
    ('payout.unable = "deny"', "payout.unable", "no withdrawals"),
    ('payout.fee = "disclosed"', "payout.fee", "no payout.route"),
    (
        LOG + OUT + 'payout.fee = "disclosed"\npayout.fee_steps = [[0, 5]]',
        "payout.fee_steps",
        'no payout.fee = "by_deposit_age" and no withdrawals',
    ),
    ("payout.fee_bp = 5", "payout.fee_bp", "no withdrawals"),
    ("payout.methods.card = { fee_bp = 5 }", "payout.methods.card.fee_bp", "no payout.route"),
    ("processing.extendable = true", "processing.extendable", "no processing.pay_s"),
    ('withdrawal.destination = "wallet"', "withdrawal.destination", "withdrawal.mode"),
    (TOPUPS + 'withdrawal.spent_bars = "any"', "withdrawal.spent_bars", '"balance"'),
    ('withdrawal.required_fields = ["a"]', "withdrawal.required_fields", "claims.required_fields"),
    (
        'withdrawal = { mode = "never", topup_max_age_days = 5 }',
        "withdrawal.topup_max_age_days",
        "withdrawal.mode",
    ),
    (
        'payout = { route = "client", methods.coin = { refundable = false, least_minor = 5 } }\n'
        + LOG,
        "payout.methods.coin.least_minor",
        "refundable is false",
    ),
    ('balance.idle_then = "void"', "balance.idle_then", "no balance.idle_months"),
    # A date counts where something of the policy comes to be owed by it.
    (LOG + "obligations.answer_days = 3", "obligations.answer_days", "nothing can be missing"),
    (
        EVIDENCE + "claims.window_days = 5\nobligations.answer_days = 3",
        "obligations.answer_days",
        "no window",
    ),
    (LOG + OUT + "obligations.kyc_days = 3", "obligations.kyc_days", "no payout.kyc"),
    ("obligations.access_days = 3", "obligations.access_days", 'decided = "repair"'),
    (REPAIR + "obligations.access_days = 3", "obligations.access_days", "host_access_grace_s"),
    (LOG + "obligations.alternative_days = 3", "obligations.alternative_days", "payout.unable"),
    (
        LOG + OUT + 'payout.unable = "balance"\nobligations.alternative_days = 3',
        "obligations.alternative_days",
        'payout.unable = "review"',
    ),
    (
        REPAIR + "obligations.replacement_business_days = 3",
        "obligations.replacement_business_days",
        "no rectify.replacement_offered",
    ),
    ('calendar.holidays = ["2026-12-25"]', "calendar.holidays", "no key in business days"),
    (
        'calendar.holidays = ["2026-12-26"]\nprocessing.review_business_days = 2',
        "calendar.holidays",
        "a Saturday or a Sunday",
    ),
    (
        GRANT + 'payout = { route = "method_of_payment", methods.balance.refundable = false }',
        "payout.methods.balance.refundable",
        "nothing leaves the platform to this method",
    ),
    ('labels.slow = ["x"]', "labels.slow", "no [[when]]"),
    ("claims.telegram_2fa_video = true", "claims.telegram_2fa_video", 'decided = "evidence"'),
    (limit('of = "auto_credit", per = "day", max_count = 1'), "limits[0]", "nothing"),
    (
        GRANT
        + 'limits = [{ of = "claim", per = "week", max_count = 1 },'
        + ' { of = "claim", per = "day", max_count = 5 }]',
        "limits[1]",
        "the other limits say as much",
    ),
    (
        AUTO + limit('of = "any", per = "day", max_count = 1, ratio_of = 5'),
        "limits[0].ratio_of",
        "the rest of the limit",
    ),
    (when('service = "x"', 'cancel.late = "deny"'), "when[0].cancel.late", "no cancel.until_s"),
    (
        "sms.sms_window_s = 90\n" + when('service = "x"', "sms.sms_window_s = 90"),
        "when[0].sms.sms_window_s",
        "says what holds anyway",
    ),
    (when('service = "x"', ""), "when[0]", "changes no key"),
    (
        when('service = "x"', "sms.sms_window_s = 60")
        + when('product = "one_time"', "sms.sms_window_s = 90"),
        "when[0].sms.sms_window_s",
        "",
    ),
]
