"""Non-blocking HTTP: many transfers on libcurl's multi socket interface, behind one pollable descriptor.

Not OpenAI's API (`provider`), not the polling (`poller`), not what it is told (`settings`) nor what is moved (`transfer`).
The only module that imports pycurl.
Source: libcurl's curl_multi_socket_action(3), CURLMOPT_SOCKETFUNCTION(3), CURLMOPT_TIMERFUNCTION(3).

Theory of operation. libcurl tells which sockets to watch and when to be called; `perform()` hands it what has become ready,
and it calls back with bytes. libcurl swallows what its callbacks raise and refuses to be re-entered from them, so they only
append; what was received is delivered after it has returned, and the receiver may then submit and cancel as it likes. One turn
does bounded work: what is left is delivered in the next (`deliveries`), and a transfer that has much waiting receives no more
meanwhile (`backpressure`).
"""

from __future__ import annotations

import io
import math
import os
import time
import weakref
from contextlib import AbstractContextManager
from typing import Any

try:
    import certifi
    import pycurl
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"the native provider needs {missing.name}: pip install 'legacy-openai-shim[native]'", name=missing.name
    ) from None

from shim.fork import never_free, of_one_process
from shim.native.at_rest import call_back_no_more, close_beside
from shim.native.backpressure import Backpressure
from shim.native.callback_interrupts import INTERRUPTED, LAST_PRINTED, PRINTED, ends_all, interrupt_since
from shim.native.curl_faults import NO_HEAD, fault_of, is_unseen
from shim.native.curl_options import options_of
from shim.native.deliveries import Deliveries
from shim.native.handles import Handle, Handles
from shim.native.routes import HttpRoutes
from shim.native.settings import HttpSettings
from shim.native.shared_connections import SharedConnections
from shim.native.sockets import Sockets
from shim.native.time_limits import first_look, is_sent_off, patience_of, review, waits_for_connection
from shim.native.timers import Appointments
from shim.native.transfer import HttpRequest, Receiver, Transfer, TransferFault
from shim.poller import LONGEST_WAIT, READ

_Curl, _CurlMulti = of_one_process(pycurl.Curl), of_one_process(pycurl.CurlMulti)
_AT_ONCE = 0.0  # a moment that has come, of monotonic seconds
_SEGMENTS_A_TURN = 256  # of body, of 16 KiB at most each; the sockets that are left are read in the next turn


class HttpMulti:
    """Transfers under way, and the one descriptor to wait on. Belongs to one thread."""

    def __init__(self, settings: HttpSettings) -> None:
        self._process = os.getpid()
        self._holds_nothing = False
        self._settings = settings
        self._options = options_of(settings, curl=pycurl, ca_file=certifi.where())
        self._shared = SharedConnections(self._options[pycurl.CAINFO], settings=settings, curl=pycurl)
        self._sockets = Sockets(plain=settings.plain_fdset, queued=settings.max_connections > 0)
        self._active: dict[Any, Handle] = {}
        self._fresh: list[Transfer] = []
        self._looked_at: list[int] = []  # sockets, in the next turn
        self._deliveries = Deliveries()
        self._backpressure = Backpressure(self._sockets, curl=pycurl)
        self._handles = Handles(
            self._options,
            curl=pycurl,
            make=_Curl,
            made=self._sockets.made,
            touched=self._deliveries.touched,
            full=self._backpressure.full,
            shared=self._shared,
        )
        self._appointments = Appointments()
        self._timer_at = math.inf  # never
        self._routes = HttpRoutes(settings)
        self._patience = patience_of(settings.read_timeout)
        self._performing = self._lookup_abandoned = False
        self._multi = _CurlMulti()
        self._socket_action = self._multi.socket_action  # looked up once: pycurl's attributes are slow
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._sockets.watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, settings.max_connections)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, settings.most_streams)
        # At the interpreter's end libcurl would be freed, and end its connections: in a forked child the parent's.
        self._at_exit = weakref.finalize(self, _forget_if_parents, weakref.ref(self))

    @property
    def running(self) -> int:
        """How many transfers have not delivered their end."""
        return len(self._active) + len(self._deliveries.ended)

    def fileno(self) -> int:
        """The descriptor: readable while `perform()` has something to read, write or deliver."""
        return self._sockets.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on: that one, or as a last resort libcurl's sockets too."""
        return self._sockets.fdset()

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; -1 for none."""
        if self._deliveries or self._sockets.found or self._fresh:
            return 0
        look_at = self._sockets.look_at if self._active else math.inf
        moment = min(self._timer_at, self._appointments.soonest, look_at)
        return -1 if moment == math.inf else max(0, math.ceil((moment - time.monotonic()) * 1000))

    def wait(self, at_most_ms: int) -> bool:
        """Wait until `perform()` has something to do, at most so long, -1 for no limit; return whether anything came."""
        if self._performing:
            raise RuntimeError("poll() was called from inside perform(): a callback must not call it")
        if self._deliveries.touched or self._deliveries.ended:  # left of the last turn
            return True
        moment = self._appointments.soonest
        if self._timer_at < moment:  # `min` would cost more than all else here, in every turn
            moment = self._timer_at
        seconds = moment - time.monotonic()
        if 0 <= at_most_ms < seconds * 1000:
            seconds = at_most_ms / 1000
        if not 0.0 <= seconds <= LONGEST_WAIT:
            seconds = 0.0 if seconds < 0.0 else LONGEST_WAIT
        return self._sockets.wait(seconds)

    def wakeup(self) -> None:
        """End a `wait()`, or the next one, from any thread."""
        self._sockets.ring_from_anywhere()

    def is_sent(self, transfer: Transfer) -> bool:
        """Whether the whole request has left, so that its answer alone is waited for; one that has ended counts as sent."""
        return transfer.easy is None or transfer.easy.getinfo(pycurl.POSTTRANSFER_TIME_T) > 0

    def submit(self, request: HttpRequest, receiver: Receiver) -> Transfer:
        """Start a transfer; nothing is sent before `perform()`, and never twice."""
        body, now = request.body, time.monotonic()
        transfer = Transfer(io.BytesIO(body), receiver, len(body), self._patience, now, now)
        if request.read_timeout is not None:
            transfer.patience = patience_of(request.read_timeout)
        route = self._routes.find(transfer, request, running=len(self._active))
        handle = self._handles.take()
        handle.carry(transfer, request, route=route)
        self._active[handle.easy] = handle
        self._fresh.append(transfer)
        self._sockets.has_looked = False  # they begin on connections that have just been looked at
        self._multi.add_handle(handle.easy)
        self._appointments.make(now + first_look(transfer), transfer)
        if not self._sockets.quiet:
            self._sockets.ring()
        return transfer

    def wake(self) -> None:
        """Make the descriptor readable until the next `perform()`."""
        self._sockets.ring()

    def keep_quiet(self) -> AbstractContextManager[None]:
        """Have nothing wake the loop: it is awake, and asks `timeout()` when this is over."""
        return self._sockets.keep_quiet()

    def expect_end(self, transfer: Transfer, *, within: float) -> None:
        """Give a transfer that has told everything `within` seconds to end, whatever still comes on it."""
        if transfer.easy is not None and transfer.end_by == math.inf:
            transfer.end_by = time.monotonic() + within
            self._appointments.make(transfer.end_by, transfer)

    def cancel(self, transfer: Transfer) -> None:
        """Stop a transfer at once, wherever it is; nothing more is delivered of it."""
        if transfer.easy is not None:
            self._shared.heed_silence(transfer, now := time.monotonic())
            if not is_sent_off(transfer, curl=pycurl):  # a layer's limit may end what hangs in connecting
                self._handles.names.doubt(now)
        receiver, transfer.receiver = transfer.receiver, None
        transfer.segments, transfer.is_behind = [], False
        if transfer.easy is not None:
            self._release(transfer)
            self._appointments.forget_ended()
        if receiver is not None:
            receiver.on_cancel(transfer)

    def pause(self, transfer: Transfer) -> None:
        """Receive no more of a transfer than libcurl has read: its server has to wait."""
        self._backpressure.pause(transfer)

    def resume(self, transfer: Transfer) -> None:
        """Receive on."""
        self._backpressure.resume(transfer)

    def perform(self) -> None:
        """Read and write what can be, deliver what was received.

        Raises:
            RuntimeError: it was called from inside itself, by a receiver.
        """
        if self._performing:
            raise RuntimeError("perform() was called from inside perform(): a callback must not call it")
        self._performing = self._sockets.quiet = True
        try:
            deliveries, backpressure, now = self._deliveries, self._backpressure, time.monotonic()
            printed, interrupt = PRINTED[LAST_PRINTED] if LAST_PRINTED in PRINTED else None, None  # noqa: SIM401 - no call
            try:
                running = self._move(now)
            except pycurl.error as error:
                running, interrupt = self._interrupted(error, since=printed)
            if LAST_PRINTED in PRINTED and interrupt is None:
                running, interrupt = self._interrupted(running, since=printed)
            if backpressure.full:
                backpressure.take_full()
            if running < len(self._active):
                self._collect_ended()
            if self._appointments.soonest <= now:
                self._review_due(now)
            deliveries.deliver(now)
            if deliveries.touched or backpressure.slowed:
                backpressure.balance(deliveries.touched)
            if interrupt is not None:
                raise interrupt
        finally:
            self._performing = self._sockets.quiet = False

    def close(self) -> None:
        """Stop every transfer and release everything; nothing is delivered. In a forked child let go of it all instead."""
        self._at_exit.detach()
        self.forget_if_parents()
        if self._holds_nothing:
            return
        self._holds_nothing = True  # a child forked from now on that collects it finds nothing of the parent's
        for handle in list(self._active.values()):
            if handle.transfer is not None:
                self.cancel(handle.transfer)
        left: tuple[Any, ...] = (self._fresh, self._looked_at, self._backpressure, self._deliveries)
        for each in (*left, self._appointments, self._shared):
            each.clear()
        if self._lookup_abandoned:
            close_beside(self._multi, curl=pycurl)
        else:
            self._multi.close()
        self._handles.close()
        self._sockets.close()

    def __del__(self) -> None:
        if hasattr(self, "_at_exit"):
            self.forget_if_parents()

    def forget_if_parents(self) -> None:
        """In a forked child, let go of what the parent has: not a byte is sent or read here on any of its connections."""
        if self._holds_nothing or os.getpid() == self._process:
            return
        self._holds_nothing = True
        never_free(self._multi, *self._active)
        call_back_no_more(self._multi, curl=pycurl)
        for handle in self._active.values():
            handle.rest()
        left: tuple[Any, ...] = (self._active, self._fresh, self._looked_at, self._backpressure, self._deliveries)
        for each in (*left, self._appointments, self._shared, self._handles):
            each.clear()
        self._sockets.forget()

    def _interrupted(self, moved: int | pycurl.error, *, since: object) -> tuple[int, BaseException | None]:
        """How many transfers go on, and the interrupt while libcurl was at work, if there was one."""
        interrupt = interrupt_since(since)
        if isinstance(moved, int):
            return (self._give_up() if interrupt is not None and ends_all(interrupt) else moved), interrupt
        if interrupt is None:
            raise moved
        return self._give_up(), interrupt

    def _give_up(self) -> int:
        """End all that is under way, as libcurl has where one of its callbacks failed; return how many go on."""
        self._fresh.clear()
        for handle in list(self._active.values()):
            if handle.transfer is not None:
                self._end(handle.transfer, INTERRUPTED)
        return 0

    def _move(self, now: float) -> int:
        """Have libcurl read and write what can be; return how many of its transfers go on, -1 where it was not asked."""
        sockets, act = self._sockets, self._socket_action
        ready = sockets.found
        if not sockets.has_looked and (self._fresh or not ready):  # else those of an earlier turn first
            sockets.wait(0.0)
        sockets.has_looked = False
        if self._looked_at or self._fresh:
            self._begin_fresh()
        running, taken, touched = -1, 0, self._deliveries.touched
        while ready and taken < _SEGMENTS_A_TURN:
            fd, interest = ready.popleft()
            _, running = act(fd, interest)
            if ready and touched:  # of a socket that brought nothing the one before counts again: a turn may end early
                taken += len(touched[-1].segments)
        if self._timer_at <= now:
            self._timer_at = math.inf  # unless libcurl sets another
            _, running = act(pycurl.SOCKET_TIMEOUT, 0)
        return running

    def _begin_fresh(self) -> None:
        """Have libcurl look at connections that may be given up, and begin new transfers: they are not to be put on those."""
        while self._looked_at:
            self._socket_action(self._looked_at.pop(), READ)
        if not self._fresh:
            return
        now = time.monotonic()
        for transfer in self._fresh:
            transfer.begin(now)
        self._fresh.clear()
        self._routes.ask_environment_again()
        # Now, while the kept connections have just been looked at: a socket handed over below may end its transfer, and
        # libcurl would give that connection to a new one in the same breath, though its server may have closed it.
        self._socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _on_timer(self, milliseconds: int) -> None:
        if milliseconds > 0:
            self._timer_at = time.monotonic() + milliseconds / 1000
        else:
            self._timer_at = math.inf if milliseconds else _AT_ONCE

    def _collect_ended(self) -> None:
        more = True
        while more:
            more, succeeded, failed = self._multi.info_read()
            for easy in succeeded:
                transfer: Any = self._active[easy].transfer
                self._release(transfer)
                self._deliveries.ended.append((transfer, None if transfer.status else NO_HEAD))
            for easy, code, message in failed:
                transfer = self._active[easy].transfer
                transfer.read_head()
                if is_unseen(transfer, had_ended=self._sockets.had_ended, curl=pycurl):
                    transfer.started_over = True
                    self._start_over(transfer)
                else:
                    self._look_at_connection(easy)
                    answered = bool(transfer.status or easy.getinfo(pycurl.RESPONSE_CODE))
                    self._end(transfer, fault_of(code, message, answered=answered, odd_status=transfer.odd_status))
        self._appointments.forget_ended()

    def _look_at_connection(self, easy: Any) -> None:
        """Have libcurl look at whose connection that is: where HTTP/2 has given one up, it tells them only when more comes."""
        fd = easy.getinfo(pycurl.ACTIVESOCKET)
        if fd >= 0:
            self._looked_at.append(fd)
            self._sockets.ring()

    def _review_due(self, now: float) -> None:
        for transfer in self._appointments.due(now):
            transfer.read_head()  # a sign of life
            outcome = review(transfer, now, curl=pycurl)
            if isinstance(outcome, TransferFault):
                # Over HTTP/2 libcurl would keep its connection, dead as that may be, and put the next request on it.
                self._active[transfer.easy].forbid_reuse()
                self._shared.heed_silence(transfer, now)
                self._end(transfer, outcome)
                continue
            self._appointments.make(outcome, transfer)
            if transfer.shares:
                self._review_shared(transfer)
        self._appointments.forget_ended()

    def _review_shared(self, transfer: Transfer) -> None:
        if is_sent_off(transfer, curl=pycurl):
            self._look_at_connection(transfer.easy)  # it may be given up
        elif not transfer.alone and not self._settings.max_connections and waits_for_connection(transfer, curl=pycurl):
            # Not any longer for one that another is making: that one may hang in its handshake. Nothing was sent yet.
            transfer.alone = True
            self._start_over(transfer)

    def _start_over(self, transfer: Transfer) -> None:
        """Begin again on another connection."""
        self._multi.remove_handle(transfer.easy)
        transfer.begin(time.monotonic())
        self._active[transfer.easy].start_over()
        self._multi.add_handle(transfer.easy)

    def _end(self, transfer: Transfer, fault: TransferFault) -> None:
        self._handles.names.doubt(time.monotonic())
        self._release(transfer)
        self._deliveries.ended.append((transfer, fault))

    def _release(self, transfer: Transfer) -> None:
        if not transfer.status:
            transfer.read_head()
        easy, transfer.easy = transfer.easy, None
        handle = self._active.pop(easy)
        if transfer.looked_up and not easy.getinfo(pycurl.NAMELOOKUP_TIME):
            self._lookup_abandoned = True
        if transfer.held is not None:
            self._backpressure.let_go(transfer)
        if transfer.ends is not None:
            self._shared.leave(transfer)
        self._multi.remove_handle(easy)
        transfer.let_go()
        self._handles.give_back(handle)


def _forget_if_parents(living: weakref.ref[HttpMulti]) -> None:
    multi = living()
    if multi is not None:
        multi.forget_if_parents()
