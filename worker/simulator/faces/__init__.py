"""One face per protocol family, and which one a configuration asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.face import Face
from worker.simulator.faces.fivesim.face import FiveSim
from worker.simulator.faces.handler_api.dialects import DIALECTS
from worker.simulator.faces.handler_api.face import HandlerApi
from worker.simulator.faces.onlinesim.face import OnlineSim
from worker.simulator.faces.smsman.face import SmsMan
from worker.simulator.faces.smspva.face import Smspva
from worker.simulator.faces.vaksms.face import VakSms

FACES: Mapping[str, Callable[[str, Mapping[str, Any]], Face]] = {
    "fivesim": FiveSim,
    "onlinesim": OnlineSim,
    "smspva": Smspva,
    "vaksms": VakSms,
    "smsman": SmsMan,
}


def face_of(config: SimulatorConfig) -> Face:
    try:
        if config.family == "handler_api":
            dialect = DIALECTS.get(config.dialect)
            if dialect is None:
                raise BadScript(f"dialect: one of {', '.join(DIALECTS)}")
            return HandlerApi(config.api_key, dialect.turned(config.knobs))
        return FACES[config.family](config.api_key, config.knobs)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise BadScript(f"knobs: {names}") from None
