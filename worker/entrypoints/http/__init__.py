"""The HTTP side: the API for shops and providers (`api`), and the listener for ops (`admin`).

api        the application: which routes there are, and what each is given (`deps`)
accounts, activations, intake, orders, events, hooks      the routes of numbers and money
claims, rentals, withdrawals, account_events, reviews      those of cases, with `case_calls`
once       calls under an `Idempotency-Key`
changes    waiting for an activation to change
layer      from a handler's signature to a validated call and an answer, `auth` included
edge       what every request passes through: request id, problems, access log
listener   the socket, and what cannot be read as HTTP
problems   every way a call can fail, each with its stable type
shapes, render, answers, case_answers, cursor      what goes in and out as JSON; `openapi` tells it
"""
