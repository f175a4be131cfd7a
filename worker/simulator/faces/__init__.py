"""One face per protocol family, in the module or package of its name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from pydantic import ValidationError

from worker.domain.families import FAMILIES, family_package, is_shipped
from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.face import Face

FACES: Final[Mapping[str, Callable[[SimulatorConfig], Face]]] = {
    family: import_module(f"{__name__}.{family}").FACE for family in FAMILIES
}


def face_of(config: SimulatorConfig) -> Face:
    """The face of the configured family; raises `BadScript` where its knobs do not fit."""
    try:
        return _maker(config.family)(config)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise BadScript(f"knobs: {names}") from None


def _maker(family: str) -> Callable[[SimulatorConfig], Face]:
    if is_shipped(family):
        return FACES[family]
    face: Callable[[SimulatorConfig], Face] | None = getattr(
        family_package(family).brought, "FACE", None
    )
    if face is None:
        raise BadScript(f"family: {family} brings no simulator")
    return face
