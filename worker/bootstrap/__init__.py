"""Builds the worker from its settings: the one place that knows everything."""

from worker.bootstrap.assemble import Worker
from worker.bootstrap.lifespan import open_store, open_worker

__all__ = ["Worker", "open_store", "open_worker"]
