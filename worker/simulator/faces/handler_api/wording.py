"""How a dialect of `handler_api` words what it says: tokens, JSON, refusals."""

from collections.abc import Mapping
from datetime import datetime

from worker.simulator.denials import Denied, Problem
from worker.simulator.exchange import Call, Json, Reply, json, price, text, with_wait
from worker.simulator.faces.handler_api import bodies
from worker.simulator.faces.handler_api.dialects import Dialect, Wording

V2_FORMS = frozenset({"getStatusV2", "setStatusV2"})
RENT_FORMS = frozenset(
    {"getRentNumber", "getRentStatus", "setRentStatus", "getRentList", "continueRentNumber"}
)
RENT_TOKENS: Mapping[Problem, str] = {
    Problem.UNKNOWN_ID: "INVALID_PHONE",
    Problem.BAD_STATUS: "INCORECT_STATUS",  # As the provider spells it.
    Problem.CODE_RECEIVED: "CANT_CANCEL",
    Problem.NEW_CODE_RECEIVED: "CANT_CANCEL",
    Problem.EARLY_CANCEL: "CANT_CANCEL",
    Problem.TOO_LATE: "CANT_CANCEL",
    Problem.NO_CODE: "STATUS_WAIT_CODE",
    Problem.BAD_REQUEST: "INVALID_TIME",
}


class Words:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def text(self, body: str, status: int = 200) -> Reply:
        quote = self._dialect.quote
        return text(f"{quote}{body}{quote}", status, self._dialect.text_type)

    def json(self, body: Json, status: int = 200) -> Reply:
        return json(body, status, self._dialect.json_type)

    def refuse(self, call: Call, denied: Denied, now: datetime) -> Reply:
        wording = self._wording(call, denied.problem)
        if wording.style == "text":
            reply = self.text(wording.token + self._more(denied, now), wording.status)
        else:
            reply = self.json(bodies.refusal(wording, denied, now), wording.status)
        return with_wait(reply, denied) if denied.problem is Problem.RATE_LIMITED else reply

    def _wording(self, call: Call, problem: Problem) -> Wording:
        if call.form in RENT_FORMS and self._dialect.classic_rent:
            wording = self._dialect.words[problem]
            token = RENT_TOKENS.get(problem, wording.token)
            if problem is Problem.UNKNOWN_ID and not call.args.get("id"):
                token = "NO_ID_RENT"  # noqa: S105 - a word of the protocol
            return Wording(wording.status, token, "message")
        if call.form in V2_FORMS and problem in self._dialect.words_v2:
            return self._dialect.words_v2[problem]
        if call.form == "getRentNumber" and problem is Problem.NO_NUMBERS:
            return Wording(404, "NO_NUMBERS", "problem")
        return self._dialect.words[problem]

    def _more(self, denied: Denied, now: datetime) -> str:
        if denied.problem is Problem.PRICE_TOO_LOW and denied.minimum_minor is not None:
            return ":" + price(denied.minimum_minor)
        if denied.problem is Problem.BANNED and denied.wait is not None:
            return f":'{now + denied.wait:%Y-%m-%d %H-%M-%S}'"
        return ""
