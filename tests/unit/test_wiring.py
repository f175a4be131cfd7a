"""Parts are built once, from the names and types of their fields."""

from dataclasses import dataclass, field

import pytest

from worker.bootstrap.assemble import Wiring


@dataclass(frozen=True)
class Engine:
    fuel: str
    spare: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Car:
    engine: Engine
    doors: int = 4


@dataclass(frozen=True)
class Garage:
    car: Car
    engine: Engine
    trailer: Car | None


@dataclass(frozen=True)
class Depot:
    bus: Engine | None


def test_a_part_is_built_once_with_all_it_needs() -> None:
    garage = Wiring({"fuel": "gas"}, {}).build(Garage)

    assert garage.car.engine is garage.engine
    assert garage.engine == Engine("gas")


def test_an_object_that_is_there_is_not_built_again() -> None:
    engine = Engine("steam")

    assert Wiring({}, {Engine: engine}).build(Car).engine is engine


def test_a_default_gives_way_to_a_resource_of_its_name() -> None:
    assert Wiring({"fuel": "gas"}, {}).build(Car).doors == 4
    assert Wiring({"fuel": "gas", "doors": 2}, {}).build(Car).doors == 2


def test_a_part_without_its_resource_is_left_out_where_it_may_be() -> None:
    wiring = Wiring({"fuel": None}, {})

    assert wiring.build(Depot).bus is None
    with pytest.raises(AssertionError, match="Car is not configured"):
        wiring.build(Car)


def test_a_resource_that_nobody_named_is_an_error() -> None:
    with pytest.raises(KeyError, match="fuel"):
        Wiring({}, {}).build(Car)
