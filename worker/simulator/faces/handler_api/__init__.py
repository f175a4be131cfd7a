"""The simulated companies that speak `handler_api.php`, in every dialect."""

from worker.simulator.faces.handler_api.face import HandlerApiFace

FACE = HandlerApiFace
