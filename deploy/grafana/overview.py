"""The Overview board: are customers whole, and if not, where is it stuck?"""

from typing import Final

from deploy.grafana.board import Row, board
from deploy.grafana.customers import customers, verdict
from deploy.grafana.inside import money, worker
from deploy.grafana.panels import Json
from deploy.grafana.providers import providers

UID: Final = "activation-worker-overview"


def overview() -> Json:
    return board(
        uid=UID,
        title="Activation worker: overview",
        says="Are customers whole, and if not, where is it stuck?",
        rows=[
            Row("Are customers whole?", [*verdict(), *customers()]),
            Row("Providers", providers()),
            Row("Money and events", money(), collapsed=True),
            Row("Inside the worker", worker(), collapsed=True),
        ],
    )
