"""A board's number and a line of the log lead to the activation that is meant."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from structlog.testing import capture_logs

from tests.unit.telemetry.test_reporter_metrics import ALPHA, KNOWN, Ops, settled
from worker.adapters.telemetry.logs import LOG_IDS, redacted
from worker.adapters.telemetry.metrics import render
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import ActivationId

ONE, OTHER = (ActivationId(UUID(int=1 << 100 | n)) for n in (1, 2))
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture
def ops() -> Ops:
    return Ops(KNOWN)


def exemplars(registry: CollectorRegistry) -> dict[str, list[tuple[str, float]]]:
    """By the name of the sample: of which activations, and their values."""
    found: dict[str, list[tuple[str, float]]] = {}
    for sample in _samples(registry):
        if sample.exemplar is not None:
            assert set(sample.exemplar.labels) == {"activation"}
            name = sample.name.removeprefix("activation_worker_")
            at = sample.exemplar.labels["activation"], sample.exemplar.value
            found.setdefault(name, []).append(at)
    return found


def _samples(registry: CollectorRegistry) -> Iterator[Sample]:
    body, _ = render(registry, OPENMETRICS)
    for family in text_string_to_metric_families(body.decode()):  # type: ignore[no-untyped-call] # the client's, without types
        yield from family.samples


def test_of_a_batch_of_credits_the_latest_is_named(ops: Ops) -> None:
    batch = [settled(lateness=61.5 if n == 7 else 61.2)._replace(id=_id(n)) for n in range(20)]

    ops.reporter.settled(batch)

    found = exemplars(ops.registry)
    assert found["credit_lateness_seconds_bucket"] == [(str(_id(7)), 61.5)]
    assert found["settled_total"] == [(str(_id(19)), 20)]


def _id(n: int) -> ActivationId:
    return ActivationId(UUID(int=n))


def test_codes_are_named_where_they_were_waited_for_told_and_late(ops: Ops) -> None:
    ops.reporter.code(ALPHA, CodeFate.SHOWN, timedelta(seconds=42), ONE)
    ops.reporter.code(ALPHA, CodeFate.MORE, timedelta(seconds=43), OTHER)
    ops.reporter.code(ALPHA, CodeFate.LATE, timedelta(seconds=1300), OTHER)
    ops.reporter.code_told(timedelta(seconds=3), ONE)
    ops.reporter.code_told(timedelta(seconds=0.1), None)

    assert exemplars(ops.registry) == {
        "code_wait_seconds_bucket": [(str(ONE), 42)],
        "late_codes_total": [(str(OTHER), 1)],
        "code_told_seconds_bucket": [(str(ONE), 3)],
    }


def test_a_look_is_named_beyond_its_objective_alone(ops: Ops) -> None:
    ops.reporter.look_late(ALPHA, timedelta(seconds=5), ONE)
    ops.reporter.look_late(ALPHA, timedelta(seconds=9), OTHER)
    ops.reporter.look_late(ALPHA, timedelta(seconds=70))

    assert exemplars(ops.registry) == {"look_lateness_seconds_bucket": [(str(OTHER), 9)]}


def test_an_ending_at_the_provider_is_named_where_it_is_against_us(ops: Ops) -> None:
    ops.reporter.resolved(ALPHA, ProviderState.CANCELLED, 1, ONE)
    ops.reporter.resolved(ALPHA, ProviderState.CHARGED, 1, OTHER)
    ops.reporter.resolved(ALPHA, ProviderState.DISPUTED, 3)

    assert exemplars(ops.registry) == {"resolved_total": [(str(OTHER), 1)]}


def test_plain_text_has_none(ops: Ops) -> None:
    ops.reporter.code_told(timedelta(seconds=3), ONE)

    body, _ = render(ops.registry, "text/plain;version=0.0.4")

    assert str(ONE).encode() not in body


def test_lines_about_one_number_name_it_and_those_about_several_do_not(ops: Ops) -> None:
    with capture_logs() as lines:
        ops.reporter.settled([settled()._replace(id=ONE)])
        ops.reporter.settled([settled(State.IN_REVIEW)._replace(id=ONE)])
        ops.reporter.settled([settled(), settled()])
        ops.reporter.code(ALPHA, CodeFate.LATE, timedelta(seconds=1300), ONE)
        ops.reporter.resolved(ALPHA, ProviderState.GONE, 1, ONE)
        ops.reporter.resolved(ALPHA, ProviderState.DISPUTED, 3)
        ops.reporter.trouble("rent.number_lost", provider=ALPHA, activation=ONE)
        ops.reporter.trouble("settle.account_locked", activation=None)

    assert [(line["event"], line.get("activation")) for line in lines] == [
        ("activation.settled", str(ONE)),
        ("activation.in_review", str(ONE)),
        ("activation.settled", None),
        ("activation.code_late", str(ONE)),
        ("activation.resolved", str(ONE)),
        ("activation.resolved", None),
        ("rent.number_lost", str(ONE)),
        ("settle.account_locked", None),
    ]


@pytest.mark.parametrize("name", sorted({*LOG_IDS.values(), "subject"}))
def test_the_redaction_lets_an_id_through(name: str) -> None:
    for id_ in (str(ONE), f"activation-code_received:1:{ONE}"):
        assert redacted(name, id_) == id_
