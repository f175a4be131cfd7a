"""One simulated provider as an HTTP server: first the faults, then the engine, then the face.

aiohttp's low-level server, no routes, on uvloop: a core answered 12,000 to 15,000 status requests,
2,100 to 2,900 lists of 100 and 7,000 to 9,000 rentals a second, asked by another process over 64
kept-alive connections; 0.5 to 0.7, 0.1 and 0.3 of an aiohttp handler that answers a constant
(tests/bench/bench_simulator.py). That is enough, so nothing lower is used.
"""

import asyncio
import socket
import struct
from asyncio import AbstractServer
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.hdrs import CONTENT_TYPE
from multidict import CIMultiDict

from worker.simulator.config import FaultKind, SimulatorConfig
from worker.simulator.control import PREFIX, Control
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceReply, Request
from worker.simulator.face import CallContext, DeniedCall, deny, granted
from worker.simulator.faces import face_of
from worker.simulator.faults import PlannedFault, PlannedFaults
from worker.simulator.push_sender import PushSender
from worker.simulator.traffic import Traffic

UtcClock = Callable[[], datetime]
SleepFor = Callable[[float], Awaitable[None]]

PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>1020</body></html>"
GARBAGE = b'\x00\xff{"status":\xfe\x1b[31m' + bytes(range(128, 200))
HANG_POLL_S = 0.2  #: How often a hanging call checks its fault and its client.
LISTENER_DELAY_S = 0.05  #: Until a fault set over the control API may close the listener.
BACKLOG = 4096  #: Connections that wait to be accepted.
SHUTDOWN_S = 2.0  #: How long calls in flight may take when the provider stops.
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time, so that close() resets.
BEFORE_EFFECT = frozenset(
    {
        FaultKind.RESET,
        FaultKind.UNAVAILABLE,
        FaultKind.HTML,
        FaultKind.HANG,
        FaultKind.RATE_LIMITED,
        FaultKind.EMPTY_LIST,
        FaultKind.BAD_KEY,
        FaultKind.BANNED,
    }
)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Listener:
    """The listening socket, which a fault can close and open again on the same port.

    While it is closed, connections are refused by the kernel, and the port stays ours.
    """

    def __init__(self, host: str, port: int, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._protocol = protocol
        self._server: AbstractServer | None = None
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Bound but never listening: it refuses connections, and keeps the port from being taken.
        self._holder = _bound(family, address)
        self._address: tuple[Any, ...] = self._holder.getsockname()
        self.port = int(self._address[1])
        self.host = str(self._address[0])

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def listening(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._protocol, sock=_bound(self._holder.family, self._address), backlog=BACKLOG
            )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            # The loop stops polling the socket before it closes it: refused only after that.
            await asyncio.sleep(0)

    async def shut(self) -> None:
        await self.close()
        self._holder.close()


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.settimeout(0)
    bound.bind(address)
    return bound


class ConnectionEnded(Exception):
    """The connection was ended on purpose: there is nobody to reply to."""


class Simulator:
    """A running provider at `url`; its parts are public for tests in the same process."""

    def __init__(self, config: SimulatorConfig, clock: UtcClock, sleep: SleepFor) -> None:
        self.clock = clock
        self.face = face_of(config)
        self.engine = Engine(config, self.face.terms)
        self.faults = PlannedFaults(config.faults, config.seed, clock())
        self.traffic = Traffic()
        self.pushes = PushSender(config.push, self.engine, self.face, clock, sleep)
        self._control = Control(self.engine, self.face, self.faults, self.traffic)
        self._limit = config.requests_per_second
        self._sleep = sleep
        self._one_alone = False  #: A call runs that its family allows no other of beside it.
        self._http = web.Server(self._handle, access_log=None)
        self._listener = Listener(config.host, config.port, self._http)
        self._edges = asyncio.Event()  #: Set when a fault may have to close or open the listener.
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        return self._listener.url

    async def start(self) -> None:
        await self._listener.open()
        self._tasks = [asyncio.create_task(self._listen()), *self.pushes.start()]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.close()
        await self._http.shutdown(SHUTDOWN_S)
        await self._listener.shut()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        face_request = Request(
            request.method,
            path,
            query,
            request.headers,
            await request.read() if request.body_exists else b"",
        )
        if face_request.path.startswith(PREFIX):
            reply = self._control.answer(face_request, self.clock())
            self.pushes.look_again()
            # Not at once: a reset would overtake the reply to whoever asked for it.
            asyncio.get_running_loop().call_later(LISTENER_DELAY_S, self._edges.set)
        else:
            try:
                reply = await self._serve(face_request, request)
            except ConnectionEnded:
                return web.Response()  # Goes nowhere: aiohttp sees the closed transport.
        headers = CIMultiDict(((CONTENT_TYPE, reply.content_type), *reply.headers))
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def _serve(self, face_request: Request, request: web.BaseRequest) -> FaceReply:
        now = self.clock()
        call = self.face.read(face_request)
        within_a_second = self.traffic.enter(call.operation, now)
        try:
            fault = self.faults.pick(call.operation, now)
            if late := self.faults.delay(call.operation, now):
                await self._sleep(late)
            if fault is not None and fault.rule.kind in BEFORE_EFFECT:
                return await self._fault_reply(fault, call, request)
            if self._limit is not None and within_a_second > self._limit:
                denied = Denied(DenialReason.RATE_LIMITED, timedelta(seconds=1))
                return self.face.refuse(call, denied, now)
            reply = await self._answer(call)
            self.engine.reply_made(self.clock(), whole=fault is None)
            return reply if fault is None else self._spoiled_reply(fault, reply, request)
        finally:
            self.traffic.leave()

    async def _answer(self, call: FaceCall) -> FaceReply:
        try:
            return await self._in_turn(call)
        except DeniedCall as refused:
            return self.face.refuse(call, refused.denied, self.clock())

    async def _in_turn(self, call: FaceCall) -> FaceReply:
        alone_for_s = self.face.alone_for_s(call)
        if alone_for_s is None:
            return await self._granted(call)
        if self._one_alone:
            deny(DenialReason.RATE_LIMITED)
        self._one_alone = True
        try:
            await self._sleep(alone_for_s)
            return await self._granted(call)
        finally:
            self._one_alone = False

    async def _granted(self, call: FaceCall) -> FaceReply:
        now = self.clock()
        if call.refused is not None:
            deny(call.refused)
        if not call.about_one:
            reply = self.face.answer(CallContext(self.engine, call, now))
            self.pushes.look_again()
            return reply
        number = None if call.ref is None else self.engine.find(call.ref, now)
        if number is None:
            deny(DenialReason.UNKNOWN_ID)
        number.count_call(call.operation.value, now)
        granted(self.engine.trouble(number, call.operation, now))
        if number.plan.delay:
            await self._sleep(number.plan.delay.total_seconds())
            now = self.clock()
            self.engine.ledger.advance(number, now)
        return self.face.answer_about(CallContext(self.engine, call, now), number)

    async def _fault_reply(
        self, fault: PlannedFault, call: FaceCall, request: web.BaseRequest
    ) -> FaceReply:
        """The reply of a fault that comes before any effect."""
        now = self.clock()
        wait = timedelta(seconds=fault.rule.retry_after_seconds)
        match fault.rule.kind:
            case FaultKind.UNAVAILABLE:
                return self.face.refuse(call, Denied(DenialReason.UNAVAILABLE), now)
            case FaultKind.HTML:
                return FaceReply.text(PAGE)
            case FaultKind.RATE_LIMITED:
                return self.face.refuse(call, Denied(DenialReason.RATE_LIMITED, wait), now)
            case FaultKind.BAD_KEY:
                return self.face.refuse(call, Denied(DenialReason.BAD_KEY), now)
            case FaultKind.BANNED:
                return self.face.refuse(call, Denied(DenialReason.BANNED, wait), now)
            case FaultKind.EMPTY_LIST:
                return self.face.empty_list(call)
            case FaultKind.HANG:
                await self._hang(fault, request)
                raise self._reset(request)
            case _:
                raise self._reset(request)

    def _spoiled_reply(
        self, fault: PlannedFault, reply: FaceReply, request: web.BaseRequest
    ) -> FaceReply:
        match fault.rule.kind:
            case FaultKind.ERROR_AFTER_EFFECT:
                return FaceReply.text("Bad Gateway", 502)
            case FaultKind.GARBAGE:
                return reply._replace(body=GARBAGE)
            case FaultKind.TRUNCATED:
                raise self._cut(reply, request)
            case FaultKind.REPLY_LOST:
                if request.transport is not None:
                    request.transport.close()
                raise ConnectionEnded
            case _:
                return reply

    async def _hang(self, fault: PlannedFault, request: web.BaseRequest) -> None:
        while fault in self.faults.holding(self.clock()):
            if request.transport is None or request.transport.is_closing():
                return
            await self._sleep(HANG_POLL_S)

    def _cut(self, reply: FaceReply, request: web.BaseRequest) -> ConnectionEnded:
        if (transport := request.transport) is not None:
            head = f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}"
            half = reply.body[: len(reply.body) // 2]
            transport.write(f"HTTP/1.1 {reply.status} OK\r\n{head}\r\n\r\n".encode() + half)
            transport.close()
        return ConnectionEnded()

    def _reset(self, request: web.BaseRequest) -> ConnectionEnded:
        if request.transport is not None:
            _reset(request.transport)
        return ConnectionEnded()

    async def _listen(self) -> None:
        """Close and open the listener as the faults say."""
        while True:
            now = self.clock()
            if self.faults.refusing(now) and self._listener.listening:
                await self._listener.close()
                for connection in self._http.connections:
                    if connection.transport is not None:
                        _reset(connection.transport)
            elif not self.faults.refusing(now):
                await self._listener.open()
            self._edges.clear()
            edge = self.faults.next_edge(now)
            timeout_s = None if edge is None else max(0.0, (edge - now).total_seconds())
            try:
                async with asyncio.timeout(timeout_s):
                    await self._edges.wait()
            except TimeoutError:
                continue


def _reset(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()


@asynccontextmanager
async def running(
    config: SimulatorConfig, *, clock: UtcClock = utc_now, sleep: SleepFor = asyncio.sleep
) -> AsyncIterator[Simulator]:
    """A provider to test against, for as long as the block runs."""
    simulator = Simulator(config, clock, sleep)
    try:
        await simulator.start()
        yield simulator
    finally:
        await simulator.stop()
