"""What people and programs outside rely on, by its names: commands, keys, calls, events, Python.

`NOT_YET` names what is promised and not built, `UNTESTED` what no test of today uses. What is built
or tested leaves them, and nothing joins them.
"""

from typing import Final

COMMANDS: Final = """
demo --numbers --window --seed --family --dialect --output
run --config --embedded
dev --config
migrate
check-config --config --show-effective
doctor
trigger --provider --count --window --code-after --expect --watch --no-watch --wait-timeout --live
show
list --state --provider --account
watch
audit --output
decide --policy --policies-dir --input
simulate-provider --family --dialect --listen --seed --script --first-id --real-times
policy-list
policy-explain
policy-check
policy-replay --with --since
provider-report
provider-exposure
provider-settle-exposure --corrects
provider-pause
provider-resume
provider-drain
events-list --state
events-replay
timers
cases-list
cases-show
cases-verdict
cases-evidence
listen --forward-to --types
import --dry-run
desk --listen --api
docs
books-close --until
books-export
books-drop
"""
SCENARIOS: Final = (
    "code-arrives code-late timeout cancel cancel-race provider-cancels provider-down rate-limited"
    " duplicate-code two-codes"
)
PAGES: Final = (
    "api webhooks arq policies providers migrating operating symptoms life words changing"
)
EXIT_CODES: Final = "0 1 2 3 4 5 6 78 130"
KEYS: Final = """
database: url url_file
redis: url url_file
api: listen tokens tokens_file
admin: listen
events: url secret secret_file
defaults: policy window_seconds credit_grace_seconds
policies: directory
retention: texts_days phones_days events_days settled_days
providers: family dialect base_url path api_key api_key_file api_username poll_seconds
  requests_per_second max_in_flight min_cancel_age_seconds lifetime_seconds currency
  exposure_limit_minor
"""
#: Each call with what its body or its query takes.
CALLS: Final = """
PUT /v1/accounts/{account}: currency policy
GET /v1/accounts/{account}:
GET /v1/accounts: cursor limit
POST /v1/accounts/bulk: accounts
POST /v1/accounts/{account}/topups: reference amount_minor at
GET /v1/accounts/{account}/entries: cursor limit
POST /v1/accounts/{account}/events: event reference at
POST /v1/accounts/{id}/notes: note
PUT /v1/activations/{provider}/{provider_ref}: account phone service country price_minor rented_at
  window_seconds expires_at policy charge order_ref order_facts codes
POST /v1/activations/bulk: activations
POST /v1/activations: account provider service country price_minor max_cost_minor policy
  window_seconds charge order_ref order_facts prefer options
GET /v1/activations/{id}: wait_seconds expand
GET /v1/activations/{provider}/{provider_ref}:
GET /v1/activations: state provider account service country phone provider_ref order_ref
  cursor limit
POST /v1/activations/{id}/cancel:
POST /v1/activations/{id}/finish:
POST /v1/activations/{id}/resend:
POST /v1/activations/{id}/shown:
POST /v1/activations/{id}/report: reason
POST /v1/activations/{id}/notes: note
POST /v1/claims: activation rental claim_kind reason claim_channel claim_at request_fields evidence
  destination issue_at stopped_at payment_details
GET /v1/claims/{id}:
POST /v1/claims/{id}/evidence: claim_channel reason request_fields evidence
POST /v1/claims/{id}/verdict: grant note amount_minor outcome findings
POST /v1/claims/{id}/access: event at
POST /v1/claims/{id}/rectified: at
POST /v1/claims/{id}/contest: reason
POST /v1/claims/{id}/choice: choice replacement_value_minor
POST /v1/claims/{id}/replacement: activation rental available value_minor
POST /v1/claims/{id}/kyc: status
POST /v1/claims/{id}/paid: extension_until extension_beyond_control
POST /v1/claims/{id}/notes: note
POST /v1/claims/{id}/alternative: event method
PUT /v1/rentals/{provider}/{provider_ref}: account phone service country price_minor rented_at
  ends_at policy charge order_ref order_facts
GET /v1/rentals/{provider}/{provider_ref}:
POST /v1/rentals/{provider}/{provider_ref}/outages: contacted_at unavailable_since
POST /v1/rentals/{provider}/{provider_ref}/restored: at
POST /v1/rentals/{provider}/{provider_ref}/cancel: due_to_problem
POST /v1/rentals/{provider}/{provider_ref}/prolong: hours price_minor max_cost_minor
POST /v1/rentals: account provider service country hours price_minor max_cost_minor charge policy
  order_ref order_facts
GET /v1/rentals: account state cursor limit
GET /v1/withdrawals: account state cursor limit
POST /v1/withdrawals: account reference amount_minor withdraw_reason reason claim_channel claim_at
  request_fields evidence
GET /v1/withdrawals/{id}:
POST /v1/withdrawals/{id}/verdict: grant note findings
POST /v1/withdrawals/{id}/payment-info: event
POST /v1/withdrawals/{id}/paid:
POST /v1/withdrawals/{id}/kyc: status
POST /v1/withdrawals/{id}/cancel:
POST /v1/withdrawals/{id}/notes: note
POST /v1/withdrawals/{id}/alternative: event method
GET /v1/cases: kind state account activation cursor limit
GET /v1/reviews:
POST /v1/reviews/{id}/verdict: grant note
GET /v1/providers:
GET /v1/providers/{name}:
POST /v1/providers/{name}/pause: note
POST /v1/providers/{name}/resume: note
POST /v1/providers/{name}/drain: note
GET /v1/events: after type activation state limit wait_seconds
POST /v1/events/replay: ids after until type
POST /v1/events/endpoint/enable:
POST /v1/hooks/{provider}/{secret}:
GET /openapi.json:
"""
#: Members of answers.
ANSWERS: Final = """
GET /v1/accounts/{account}: account currency policy available_minor held_minor state obligations
GET /v1/accounts: items next_cursor
GET /v1/activations/{id}: id provider provider_ref order_ref account phone service country
 price_minor currency policy state provider_state rented_at deadline_at cancel_offered
 cancel_from_at cancel_until_at codes settlement summary timeline
GET /v1/activations: items next_cursor
POST /v1/activations: tried
POST /v1/activations/bulk: results
GET /v1/rentals/{provider}/{provider_ref}: messages
GET /v1/providers/{name}: name family dialect state why circuit balance_minor balance_at
 exposure_minor exposure_limit_minor live day services
GET /v1/events: items
"""
#: What a member or a key may say, each by where it stands.
CHOICES: Final = """
state: waiting expiring received delivered refunded closed in_review
provider_state: open cancelling cancelled finishing finished charged gone disputed
account: closing blocked frozen deleted
provider: taking paused halted draining
charge: hold external
prefer: order success price speed
options: operator area_code medium reuse sms voice
family: handler_api fivesim onlinesim smspva vaksms smsman smspool textverified
dialect: classic hero tiger smsbower grizzly smshub privatesms daisysms
url: sslmode sslrootcert application_name target_session_attrs
day: rented delivered success_ratio code_seconds_median cancel_ratio
obligation: owed_by since by_when ended_at
events: pending dead sent kept
"""
PROBLEMS: Final = (
    "code-received no-cancel cancel-not-yet cancel-over restrictions-ignored account-closing"
    " account-frozen account-blocked policy-mismatch cancel-limit decided no-numbers fact-not-yours"
    " events-forgotten"
)
ADMIN: Final = "/metrics /livez /readyz /readyz?verbose /version"
EVENTS: Final = (
    "activation.code_received activation.delivered activation.refunded activation.closed"
    " activation.in_review intake.refused claim.* rental.* withdrawal.* account.* review.opened"
    " review.decided review.late"
)
HEADERS: Final = (
    "webhook-id webhook-timestamp webhook-signature Idempotency-Key X-Actor Authorization"
)
PYTHON: Final = (
    "worker.client:hand_over worker.client:Client worker.domain.policy:load_profile"
    " worker.domain.policy:decide worker.entrypoints.arq_worker:WorkerSettings"
    " worker.testing.providers:"
)

NOT_YET: Final[frozenset[str]] = frozenset()
UNTESTED: Final[frozenset[str]] = frozenset()
