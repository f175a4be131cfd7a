"""What a request to `handler_api` asks for, in a dialect."""

from collections.abc import Mapping

from worker.simulator.denials import Problem
from worker.simulator.exchange import Call, Operation, Request, arguments, number_id
from worker.simulator.faces.handler_api.dialects import Dialect

PATH = "/stubs/handler_api.php"
OPERATIONS: Mapping[str, Operation] = {
    "getNumber": Operation.RENT,
    "getNumberV2": Operation.RENT,
    "getStatus": Operation.LOOK,
    "getStatusV2": Operation.LOOK,
    "getFullSms": Operation.LOOK,
    "getAllSms": Operation.LOOK,
    "getActiveActivations": Operation.LIST,
    "getListOfActiveActivations": Operation.LIST,
    "getHistory": Operation.HISTORY,
    "getBalance": Operation.BALANCE,
    "finishActivation": Operation.FINISH,
    "cancelActivation": Operation.CANCEL,
    "getRentNumber": Operation.RENT,
    "getRentStatus": Operation.LOOK,
    "getRentList": Operation.LIST,
    "continueRentNumber": Operation.EXTEND,
    "prolong": Operation.EXTEND,
}
SETTINGS: Mapping[str, Operation] = {"3": Operation.ASK_AGAIN, "6": Operation.FINISH}
RENT_SETTINGS: Mapping[str, Operation] = {"1": Operation.FINISH, "2": Operation.CANCEL}
POSTED = frozenset({"prolong"})  #: Calls that a dialect of GETs takes as POST.
ABOUT_ONE = frozenset(
    {
        Operation.LOOK,
        Operation.CANCEL,
        Operation.FINISH,
        Operation.ASK_AGAIN,
        Operation.READY,
        Operation.EXTEND,
    }
)


def read(request: Request, dialect: Dialect, api_key: str) -> Call:
    args = arguments(request.query)
    form = args.get("action", "")
    operation = OPERATIONS.get(form, Operation.OTHER)
    problem = _problem(request, args, dialect, api_key)
    if form in {"setStatus", "setStatusV2", "setRentStatus"}:
        setting = _setting(form, args.get("status", ""), dialect)
        operation = setting or Operation.OTHER
        problem = problem or (None if setting else Problem.BAD_STATUS)
    return Call(operation, form, number_id(args.get("id")), args, problem, operation in ABOUT_ONE)


def _problem(
    request: Request, args: Mapping[str, str], dialect: Dialect, api_key: str
) -> Problem | None:
    form = args.get("action", "")
    if request.path != PATH:
        return Problem.BAD_ACTION
    if request.method not in ({"POST"} if form in POSTED else dialect.methods):
        return Problem.BAD_METHOD
    key = args.get("api_key")
    if not key:
        return Problem.NO_KEY
    if key != api_key:
        return Problem.BAD_KEY
    return None if form in dialect.actions else Problem.BAD_ACTION


def _setting(form: str, status: str, dialect: Dialect) -> Operation | None:
    if form == "setRentStatus":
        return RENT_SETTINGS.get(status)
    if status == "1":
        return Operation.READY if dialect.takes_ready else None
    return Operation.CANCEL if status in dialect.cancel_codes else SETTINGS.get(status)
