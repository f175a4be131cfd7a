"""How a dialect of `handler_api` words its replies: tokens, JSON, refusals."""

from collections.abc import Mapping
from datetime import datetime

from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceReply, Json, json, price, text, with_wait
from worker.simulator.faces.handler_api import bodies
from worker.simulator.faces.handler_api.dialects import SimulatedDialect, Wording

V2_FORMS = frozenset({"getStatusV2", "setStatusV2"})
RENT_FORMS = frozenset(
    {"getRentNumber", "getRentStatus", "setRentStatus", "getRentList", "continueRentNumber"}
)
RENT_TOKENS: Mapping[DenialReason, str] = {
    DenialReason.UNKNOWN_ID: "INVALID_PHONE",
    DenialReason.BAD_STATUS: "INCORECT_STATUS",  # As the provider spells it.
    DenialReason.CODE_RECEIVED: "CANT_CANCEL",
    DenialReason.NEW_CODE_RECEIVED: "CANT_CANCEL",
    DenialReason.EARLY_CANCEL: "CANT_CANCEL",
    DenialReason.TOO_LATE: "CANT_CANCEL",
    DenialReason.NO_CODE: "STATUS_WAIT_CODE",
    DenialReason.BAD_REQUEST: "INVALID_TIME",
}


class ReplyWriter:
    def __init__(self, dialect: SimulatedDialect) -> None:
        self._dialect = dialect

    def text(self, body: str, status: int = 200) -> FaceReply:
        quote = self._dialect.quote
        return text(f"{quote}{body}{quote}", status, self._dialect.text_type)

    def json(self, body: Json, status: int = 200) -> FaceReply:
        return json(body, status, self._dialect.json_type)

    def refuse(self, call: FaceCall, denied: Denied, now: datetime) -> FaceReply:
        wording = self._wording(call, denied.reason)
        if wording.style == "text":
            reply = self.text(wording.token + self._more(denied, now), wording.status)
        else:
            reply = self.json(bodies.refusal(wording, denied, now), wording.status)
        return with_wait(reply, denied) if denied.reason is DenialReason.RATE_LIMITED else reply

    def _wording(self, call: FaceCall, reason: DenialReason) -> Wording:
        if call.form in RENT_FORMS and self._dialect.classic_rent:
            wording = self._dialect.words[reason]
            token = RENT_TOKENS.get(reason, wording.token)
            if reason is DenialReason.UNKNOWN_ID and not call.args.get("id"):
                token = "NO_ID_RENT"  # noqa: S105 - a word of the protocol
            return Wording(wording.status, token, "message")
        if call.form in V2_FORMS and reason in self._dialect.words_v2:
            return self._dialect.words_v2[reason]
        if call.form == "getRentNumber" and reason is DenialReason.NO_NUMBERS:
            return Wording(404, "NO_NUMBERS", "problem")
        return self._dialect.words[reason]

    def _more(self, denied: Denied, now: datetime) -> str:
        if denied.reason is DenialReason.PRICE_TOO_LOW and denied.minimum_minor is not None:
            return ":" + price(denied.minimum_minor)
        if denied.reason is DenialReason.BANNED and denied.wait is not None:
            return f":'{now + denied.wait:%Y-%m-%d %H-%M-%S}'"
        return ""
