"""The ASGI application: the same one behind a real port and in process."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from freshdesk_simulator.api import Api, RawReply, RawRequest, server_error
from freshdesk_simulator.calls import ApiReply
from freshdesk_simulator.clock import Clock, VirtualClock
from freshdesk_simulator.control import PREFIX as CONTROL_PREFIX
from freshdesk_simulator.control import Control
from freshdesk_simulator.desk import KnobSource
from freshdesk_simulator.faults import Fault, FaultKind, Faults
from freshdesk_simulator.journal import Journal
from freshdesk_simulator.limits import rate_limited
from freshdesk_simulator.wire import Connections, Exchange

NOTHING_SENT = RawReply(0)


class App:
    """Serves the API under `/api/v2` and the control interface under `/_control`."""

    def __init__(
        self,
        api: Api,
        control: Control,
        journal: Journal,
        faults: Faults,
        knobs: KnobSource,
        clock: Clock,
    ) -> None:
        """Take the parts that answer."""
        self._api = api
        self._control = control
        self._journal = journal
        self._faults = faults
        self._knobs = knobs
        self._clock = clock
        self.connections = Connections()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        raw = RawRequest(request.method, request.url, request.headers, await request.body())
        exchange = Exchange(self.connections.of(scope), receive, send, self._clock)
        if raw.url.path.startswith(CONTROL_PREFIX):
            await exchange.answer(await self._control.answer(raw))
            return
        await self._serve(raw, exchange)

    async def _serve(self, raw: RawRequest, exchange: Exchange) -> None:
        reused = exchange.connection is None or exchange.connection.calls > 0
        if exchange.connection is not None:
            exchange.connection.calls += 1
        number = self._journal.begin(raw.method, raw.url.path, raw.url.query)
        if isinstance(self._clock, VirtualClock) and (seconds := self._knobs().call_seconds):
            self._clock.advance(seconds)
        fault = self._faults.pick(raw.method, raw.url.path, reused=reused)
        if fault is None:
            arrived = await exchange.answer(self._api.answer(raw, number))
        else:
            self._journal.mark_fault(number, fault.kind)
            arrived = await exchange.inflict(fault, self._spoiled(fault, raw, number))
        if arrived:
            self._journal.acknowledge(number)

    def _spoiled(self, fault: Fault, raw: RawRequest, number: int) -> RawReply:
        """Carry the call out, or not, and return what is to be sent."""
        reply = self._api.answer(raw, number) if fault.carried_out else NOTHING_SENT
        match fault.kind:
            case FaultKind.RATE_LIMIT:
                error = rate_limited(fault.retry_after, self._knobs())
                instead = ApiReply(error.status, error.body, error.headers)
            case FaultKind.SERVER_ERROR:
                instead = server_error(fault.status, fault.body)
            case FaultKind.REDIRECT:
                instead = ApiReply(302, None, {"Location": fault.location})
            case _:
                return reply
        return self._api.answer_instead(number, instead)
