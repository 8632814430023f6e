"""`tap`: records what passes through a `requests.Session`, or through a transport that tells by itself.

Not the adapters that stand in a session for it (`tap_adapter`), what a recording is made of (`recorder`), how a body is heard
(`socket_file`, and `response_body` for one that urllib3 does not read from a socket in its ordinary way), what is taken out
(`redaction`) nor where it goes (`sinks`). Whoever uses the session notices nothing: the same bytes in the same pieces, the same
exceptions, the same objects as far as can be told; and whatever fails in here stays in here.

    with tap(session, "recorded.jsonl.gz"):
        ...use the session as ever...
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, final

import requests

from shim.recording.recorder import MAX_BODY, Context, OnError, Recorder
from shim.recording.sinks import CallableSink, FileSink, SinkTarget, sink_of
from shim.recording.tap.every_session import EverySession, install_everywhere
from shim.recording.tap.module_tap import ModuleRecorder, install_module_tap
from shim.recording.tap.tap_adapter import tap_adapters

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.recording.redaction.redaction import Redaction
    from shim.transfer_observer import Observe


class Watchable(Protocol):
    """A transport that shows what passes through it, such as a `NativeProvider`."""

    def watch(self, observe: Observe) -> Callable[[], None]:
        """Show every request to `observe` from now on; what is returned ends that."""
        ...


class HasSession(Protocol):
    """Something that sends through a session of its own, such as a `LegacyProvider`."""

    @property
    def session(self) -> requests.Session:
        """The session."""
        ...


Tapped: TypeAlias = "requests.Session | Watchable | HasSession"


class TapFunction:
    """Records: `tap(session, …)` a session, `tap.module(requests, …)` module level, `tap.everywhere(…)` all of a process."""

    def __call__(
        self,
        target: Tapped,
        sink: SinkTarget,
        *,
        redaction: Redaction | None = None,
        max_body: int = MAX_BODY,
        context: Context = None,
        on_error: OnError | None = None,
    ) -> Tap:
        """Record every exchange from now on; the tap's `remove` ends that.

        Adapters mounted on a session later are tapped too. A request header `X-Shim-Pair-Id` becomes the exchange's `pair_id`,
        which otherwise is made up; a session does not send it, what has a `watch` sends all that it is given.

        Args:
            target: a `requests.Session`, or what has a `session` or a `watch`.
            sink: a path (JSON Lines, compressed if it ends in .gz; appended to, written in the background), a `RotatingFile`
                for several, or a function that takes an `Exchange`. That is called on the thread that read the end of the
                body, so it must be quick.
            redaction: what is taken out before anything is written or given to the function; None is `Redaction()`. Exchanges
                that wait to be written, in memory and never many, are not redacted yet.
            max_body: bytes of a body that are kept.
            context: plain JSON added to each exchange: a dict, or a function that gives one, called when the request is sent.
            on_error: gets every exception of the recording, the function and the file; none ever reaches the caller.

        Raises:
            TypeError: the target cannot be tapped, or the sink is neither.
            OSError: the file cannot be opened for writing.
            ValueError: `max_body` is not positive.
        """
        return Tap(target, sink, redaction=redaction, max_body=max_body, context=context, on_error=on_error)

    def module(
        self,
        module: ModuleType,
        sink: SinkTarget,
        *,
        only: Callable[[str], bool] | None = None,
        redaction: Redaction | None = None,
        max_body: int = MAX_BODY,
        context: Context = None,
        on_error: OnError | None = None,
    ) -> Tap:
        """Record what `requests.post(...)` and its like send, in every thread, until the tap's `remove`.

        Sessions that a program makes itself are not seen, nor other libraries; see `module_tap`.

        Args:
            module: `requests`.
            sink: as for `tap`.
            only: says of an address whether it is recorded; None takes those of an OpenAI API, on whatever host.
            redaction: as for `tap`, and so the following.
            max_body: bytes of a body that are kept.
            context: added to each exchange.
            on_error: gets every exception of the recording.

        Raises:
            TypeError: it is another module, or the sink cannot be one.
            OSError: the file cannot be opened for writing.
            ValueError: `max_body` is not positive.
        """
        recorder = functools.partial(ModuleRecorder, only=only)
        return Tap(
            module,
            sink,
            redaction=redaction,
            max_body=max_body,
            context=context,
            on_error=on_error,
            recorder=recorder,
        )

    def everywhere(
        self,
        sink: SinkTarget,
        *,
        only: Callable[[str], bool] | None = None,
        redaction: Redaction | None = None,
        max_body: int = MAX_BODY,
        context: Context = None,
        on_error: OnError | None = None,
    ) -> Tap:
        """Record what every `requests.Session` of this process sends, those made later too, until the tap's `remove`.

        Args:
            sink: as for `tap`.
            only: says of an address whether it is recorded; None takes those of an OpenAI API, on whatever host.
            redaction: as for `tap`, and so the following.
            max_body: bytes of a body that are kept.
            context: added to each exchange.
            on_error: gets every exception of the recording.

        Raises:
            TypeError: the sink cannot be one.
            OSError: the file cannot be opened for writing.
            ValueError: `max_body` is not positive.
        """
        return Tap(
            EverySession(),
            sink,
            redaction=redaction,
            max_body=max_body,
            context=context,
            on_error=on_error,
            recorder=functools.partial(ModuleRecorder, only=only),
        )


@final
class Tap:
    """A recording in progress; made by `tap`. Leaving it as a context manager removes it.

    Attributes:
        recorded, dropped, failed: exchanges that were handed over; that found the queue full; exceptions. Each process
            counts its own.
    """

    def __init__(
        self,
        target: Tapped | ModuleType | EverySession,
        sink: SinkTarget,
        *,
        redaction: Redaction | None,
        max_body: int,
        context: Context,
        on_error: OnError | None,
        recorder: Callable[..., Recorder] = Recorder,
    ) -> None:
        install = _installer(target)
        self._sink: CallableSink | FileSink = sink_of(sink, on_error=self._note_failure)
        self._recorder = recorder(
            self._sink, redaction=redaction, max_body=max_body, context=context, on_error=on_error
        )
        self._target = type(target).__name__
        self._undo: Callable[[], None] | None = install(self._recorder)

    @property
    def recorded(self) -> int:
        """Exchanges handed over."""
        return self._count("recorded")

    @property
    def dropped(self) -> int:
        """Exchanges that found no room."""
        return self._count("dropped")

    @property
    def failed(self) -> int:
        """Exceptions in the recording, the sink, the context."""
        return self._count("failed")

    def flush(self) -> None:
        """Hand over what has ended, and wait until it is written."""
        self._recorder.collect()
        self._sink.flush()

    def remove(self) -> None:
        """Restore the target, write what has ended and close the file; a second call does nothing more.

        An exchange whose body is still being read is handed over when it ends.
        """
        undo, self._undo = self._undo, None
        try:
            if undo is not None:
                undo()
        finally:
            self._recorder.collect()
            self._sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        tally = self._recorder.tally
        state = f"{tally.recorded} recorded, {tally.dropped} dropped, {tally.failed} failed"
        return f"<Tap on a {self._target}{', removed' if self._undo is None else ''}: {state}>"

    def _note_failure(self, error: Exception) -> None:
        self._recorder.failed(error)

    def _count(self, name: str) -> int:
        self._recorder.collect()
        count: int = getattr(self._recorder.tally, name)
        return count


_Install: TypeAlias = Callable[[Recorder], Callable[[], None]]


def _installer(target: Any) -> _Install:
    """How to tap a target."""
    if isinstance(target, ModuleType):
        return lambda recorder: install_module_tap(target, lambda session: tap_adapters(session, recorder))
    if isinstance(target, EverySession):
        return install_everywhere
    if isinstance(target, requests.Session):
        return lambda recorder: tap_adapters(target, recorder)
    watch = getattr(target, "watch", None)
    if callable(watch):
        return lambda recorder: watch(recorder.observe)
    session = getattr(target, "session", None)
    if isinstance(session, requests.Session):
        return lambda recorder: tap_adapters(session, recorder)
    raise TypeError(
        f"a {type(target).__name__} cannot be tapped; give a requests.Session, or something with a `session` or a `watch`"
    )


tap: Final = TapFunction()
"""Records a session, or something that has or watches one; `tap.module` what `requests` sends at module level."""
