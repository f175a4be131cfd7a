"""Builds the worker from its settings: the one place that knows everything."""

from worker.bootstrap.opening import open_store, open_worker
from worker.bootstrap.whole import Worker

__all__ = ["Worker", "open_store", "open_worker"]
