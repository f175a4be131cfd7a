"""What every query of a board selects by, and what is shown in place of old data."""

from typing import Final

A: Final = "activation_worker_"  #: The prefix of every metric of ours.
W: Final = 'job=~"$job", instance=~"$instance"'  #: The workers chosen.
P: Final = f'{W}, provider=~"$provider"'  #: The workers and the providers chosen.

#: The histograms whose buckets keep an activation's id (exemplars); a panel draws them as dots.
WITH_EXEMPLARS: Final = (
    *("code_told_seconds", "code_wait_seconds"),
    *("credit_lateness_seconds", "look_lateness_seconds"),
)
#: The gauges about the queue are read every five seconds, and keep their value when that fails.
FRESH_SECONDS: Final = 30
#: Three readings that did not come: the database does not answer, whatever its connections say.
SILENT_SECONDS: Final = 15
#: What a tile gets in place of a value that is old, or not there. None of ours is negative.
NO_DATA: Final = -1
#: What it gets where all is known, and nobody asked for anything.
IDLE: Final = -2
COUNTED: Final = f"{A}stats_last_success_timestamp_seconds{{{W}}}"


def counted(gauge: str, matchers: str = W) -> str:
    """A gauge about the queue, of the workers that could read it just now."""
    return f"{A}{gauge}{{{matchers}}} and on (job, instance) (time() - {COUNTED} < {FRESH_SECONDS})"


def while_counted(expr: str) -> str:
    """An *expr* without labels, as long as a worker can read the database."""
    return f"{expr} and on () (time() - max({COUNTED}) < {FRESH_SECONDS})"


def or_no_data(expr: str) -> str:
    return f"{expr} or vector({NO_DATA})"


def asked_of(expr: str, asked: str) -> str:
    """An *expr* without labels while *asked* is above 0, else `IDLE`, as a worker is scraped."""
    return f"{expr} and on () {asked} > 0 or {IDLE} * max({A}build_info{{{W}}})"


def quantile(share: float, histogram: str, matchers: str = W, by: str = "") -> str:
    """Of what a histogram saw over the interval that fits the zoom."""
    grouped = f"le, {by}" if by else "le"
    rate = f"rate({A}{histogram}_bucket{{{matchers}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by ({grouped}) ({rate}))"


def zero_without_codes(wait: str) -> str:
    """The *wait* for a code, by provider: 0 where numbers wait, and no code has come."""
    return f"{wait} > 0 or 0 * (max by (provider) ({counted('live', P)}) > 0)"


def rate(counter: str, matchers: str = W, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({A}{counter}{{{matchers}}}[$__rate_interval]))"
