"""Every log event that tells ops something, and what it says: a contract like the metrics."""

from collections.abc import Mapping
from typing import Final

LOG_EVENTS: Final[Mapping[str, str]] = {
    "accept.refused": "Numbers handed over through arq were not taken; `detail` says why.",
    "activation.code_late": "A code came after the window or the ending: not shown, not charged.",
    "activation.in_review": "Numbers whose ending the policy leaves to a human.",
    "activation.quarantined": "The database refuses to settle this number; the others went on.",
    "activation.resolved": "Settled numbers that ended at the provider against us, or unclearly.",
    "activation.settled": "Numbers that ended, one line per batch and kind of ending.",
    "arq.worker_lost": "arq's worker ended with an error; a new one is started.",
    "audit.done": "An audit ran to its end.",
    "audit.violated": "An invariant does not hold; `offenders` are a few of the rows.",
    "backstop.failed": "A tick that the daemon ran by itself ended with an error.",
    "census.failed": "The queue could not be counted; the gauges show what was true before.",
    "credit.after_grace": "Customers credited without the provider's word: exposures.",
    "event.dead": "Events that were tried as often as promised and not taken; replay them by hand.",
    "event.endpoint_gone": "The endpoint said 410: it gets no more events.",
    "job.failed": "A job ended with an error.",
    "job.refused": "A job was given something it does not take.",
    "provider.circuit_closed": "The provider answers again.",
    "provider.circuit_opened": "The provider failed too often and is only probed.",
    "provider.list_failed": "The list of active numbers could not be had.",
    "provider.look_failed": "A look brought no usable answer.",
    "provider.number_gone": "The provider does not know a number that it rented out.",
    "provider.unknown_numbers": "The provider lists numbers as ours that we do not know.",
    "rent.adopted": "A purchase whose reply was lost was found at the provider.",
    "rent.outcome_unknown": "A purchase whose reply was lost; it is looked for, never repeated.",
    "schedule.rebuilt": "The schedule was written anew from the database.",
    "schedule.redis_back": "Redis answers again.",
    "schedule.redis_lost": "Redis does not answer; the schedule is in memory meanwhile.",
    "schedule.unavailable": "No schedule could be reached for a tick.",
    "watch.store_failed": "What a look found could not be stored; it is found again.",
}
