"""The HTTP side: the API for shops and providers (`api`), and the listener for ops (`admin`).

api        the application: which routes there are, and what each is given (`deps`)
accounts, activations, intake, events, hooks      the routes, one module per noun
layer      from a handler's signature to a validated call and an answer
edge       what every request passes through: request id, problems, access log
problems   every way a call can fail, each with its stable type
shapes, render       what goes in and out as JSON; `openapi` describes it
"""
