"""The pages of lists that the API answers, typed. A newer daemon can add members.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from __future__ import annotations

from typing import TypedDict

from worker.client.calls.parts import Entry, Event, Provider
from worker.client.calls.shapes import Account, Activation, Case, Rental, Review


class AccountList(TypedDict):
    items: list[Account]
    next_cursor: str | None


class ActivationList(TypedDict):
    items: list[Activation]
    next_cursor: str | None


class CaseList(TypedDict):
    items: list[Case]
    next_cursor: str | None


class EntryList(TypedDict):
    items: list[Entry]
    next_cursor: str | None


class EventList(TypedDict):
    """With `after`, oldest first: `next_after` is what to ask for next, also where nothing came."""

    items: list[Event]
    next_after: int | None
    next_cursor: str | None


class ProviderList(TypedDict):
    items: list[Provider]
    next_cursor: None


class RentalList(TypedDict):
    items: list[Rental]
    next_cursor: str | None


class ReviewList(TypedDict):
    items: list[Review]
    next_cursor: str | None
