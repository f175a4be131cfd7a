"""The HTTP side: the API for shops and providers (`api`), and the admin listener (`admin`).

One module per noun, with its routes, request bodies and responses:

accounts          open, top up, balance, ledger; account_intake: many of another system
activations       show, wait, list; cancel, finish, resend
number_intake     numbers that were already rented, one by one or in bulk; bulk: many in a call
purchases         rent a number at a provider
events, hooks     outgoing events; pushes of providers
claims, rentals, withdrawals, account_events, reviews      cases; `cases` is what they share

And what every call passes through:

routing           from a handler's signature to a checked call and its answer
auth              bearer tokens and their scopes
middleware        request id, problems, access log
idempotency       calls under an `Idempotency-Key`
long_poll         waiting for an activation, or the feed of events, to change
problems          every way a call can fail, each with its stable type
requests, responses, pagination      field types of bodies, instants, cursors
openapi           the description, from the same signatures; its `examples`; its `webhooks`
listener          the socket, and bytes that cannot be read as HTTP
deps              what the API needs from outside
"""
