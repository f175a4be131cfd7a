"""One face per protocol family, and which one a configuration asks for."""

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.face import Face
from worker.simulator.faces.fivesim import FiveSimFace
from worker.simulator.faces.handler_api.face import HandlerApiFace
from worker.simulator.faces.onlinesim import OnlineSimFace
from worker.simulator.faces.smsman import SmsManFace
from worker.simulator.faces.smspva import SmsPvaFace
from worker.simulator.faces.vaksms import VakSmsFace

FACES: Final[Mapping[str, Callable[[SimulatorConfig], Face]]] = {
    "handler_api": HandlerApiFace,
    "fivesim": FiveSimFace,
    "onlinesim": OnlineSimFace,
    "smspva": SmsPvaFace,
    "vaksms": VakSmsFace,
    "smsman": SmsManFace,
}


def face_of(config: SimulatorConfig) -> Face:
    """The face of the configured family; raises `BadScript` where its knobs do not fit."""
    try:
        return FACES[config.family](config)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise BadScript(f"knobs: {names}") from None
