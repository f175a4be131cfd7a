"""What a request to `handler_api` asks for, in a dialect."""

from collections.abc import Mapping

from worker.simulator.denials import DenialReason
from worker.simulator.exchange import FaceCall, FaceOperation, Request, arguments, number_id
from worker.simulator.faces.handler_api.dialects import SimulatedDialect

PATH = "/stubs/handler_api.php"
OPERATIONS: Mapping[str, FaceOperation] = {
    "getNumber": FaceOperation.RENT,
    "getNumberV2": FaceOperation.RENT,
    "getStatus": FaceOperation.LOOK,
    "getStatusV2": FaceOperation.LOOK,
    "getFullSms": FaceOperation.LOOK,
    "getAllSms": FaceOperation.LOOK,
    "getActiveActivations": FaceOperation.LIST,
    "getListOfActiveActivations": FaceOperation.LIST,
    "getHistory": FaceOperation.HISTORY,
    "getBalance": FaceOperation.BALANCE,
    "finishActivation": FaceOperation.FINISH,
    "cancelActivation": FaceOperation.CANCEL,
    "getRentNumber": FaceOperation.RENT,
    "getRentStatus": FaceOperation.LOOK,
    "getRentList": FaceOperation.LIST,
    "continueRentNumber": FaceOperation.EXTEND,
    "prolong": FaceOperation.EXTEND,
}
SETTINGS: Mapping[str, FaceOperation] = {"3": FaceOperation.ASK_AGAIN, "6": FaceOperation.FINISH}
RENT_SETTINGS: Mapping[str, FaceOperation] = {"1": FaceOperation.FINISH, "2": FaceOperation.CANCEL}
POSTED = frozenset({"prolong"})  #: Calls that a dialect of GETs takes as POST.
ABOUT_ONE = frozenset(
    {
        FaceOperation.LOOK,
        FaceOperation.CANCEL,
        FaceOperation.FINISH,
        FaceOperation.ASK_AGAIN,
        FaceOperation.READY,
        FaceOperation.EXTEND,
    }
)


def read(request: Request, dialect: SimulatedDialect, api_key: str) -> FaceCall:
    args = arguments(request.query)
    form = args.get("action", "")
    operation = OPERATIONS.get(form, FaceOperation.OTHER)
    refused = _refused(request, args, dialect, api_key)
    if form in {"setStatus", "setStatusV2", "setRentStatus"}:
        setting = _setting(form, args.get("status", ""), dialect)
        operation = setting or FaceOperation.OTHER
        refused = refused or (None if setting else DenialReason.BAD_STATUS)
    return FaceCall(
        operation, form, number_id(args.get("id")), args, refused, operation in ABOUT_ONE
    )


def _refused(
    request: Request, args: Mapping[str, str], dialect: SimulatedDialect, api_key: str
) -> DenialReason | None:
    form = args.get("action", "")
    if request.path != PATH:
        return DenialReason.BAD_ACTION
    if request.method not in ({"POST"} if form in POSTED else dialect.methods):
        return DenialReason.BAD_METHOD
    key = args.get("api_key")
    if not key:
        return DenialReason.NO_KEY
    if key != api_key:
        return DenialReason.BAD_KEY
    return None if form in dialect.actions else DenialReason.BAD_ACTION


def _setting(form: str, status: str, dialect: SimulatedDialect) -> FaceOperation | None:
    if form == "setRentStatus":
        return RENT_SETTINGS.get(status)
    if status == "1":
        return FaceOperation.READY if dialect.takes_ready else None
    return FaceOperation.CANCEL if status in dialect.cancel_codes else SETTINGS.get(status)
