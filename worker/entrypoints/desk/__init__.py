"""The desk: web pages for support, owners and ops, over the HTTP API alone.

It holds no data and no power: every page is what the API answers to the token of whoever signed in,
and every button is one call of it.
"""

from worker.entrypoints.desk.site import DeskConfig, TryScenario, build_desk

__all__ = ["DeskConfig", "TryScenario", "build_desk"]
