"""One face per protocol family, and which one a configuration asks for."""

from pydantic import ValidationError

from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.face import Face
from worker.simulator.faces.handler_api import HandlerApi
from worker.simulator.faces.handler_dialects import DIALECTS


def face_of(config: SimulatorConfig) -> Face:
    try:
        match config.family:
            case "handler_api":
                dialect = DIALECTS.get(config.dialect)
                if dialect is None:
                    raise BadScript(f"dialect: one of {', '.join(DIALECTS)}")
                return HandlerApi(config.api_key, dialect.turned(config.knobs))
            case _:
                raise BadScript(f"family: {config.family} is not simulated")
    except ValidationError as error:
        names = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise BadScript(f"knobs: {names}") from None
