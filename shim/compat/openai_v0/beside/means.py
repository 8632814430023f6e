"""`Beside`: puts a router and a recording into the real library, and takes them out again.

Not `install` (`shim.compat.openai_v0.installation`), which chooses between this and `Instead`. Three names of the library are
replaced at most: `APIRequestor.request_raw`, `APIRequestor.arequest_raw`, and `api_requestor._make_session` for a recording;
none at all where there is neither rollout nor recording.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from shim.compat.openai_v0.beside.asking import Upgrading
from shim.compat.openai_v0.beside.carrying import Carrier
from shim.compat.openai_v0.beside.real_library import is_replaying, real_library
from shim.compat.openai_v0.beside.recording import LibraryRecording
from shim.compat.openai_v0.beside.routing import BesideCounts, Router
from shim.compat.openai_v0.units import UnitOf

if TYPE_CHECKING:
    from shim.migration import Rollout
    from shim.migration.upgrades import Target
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.sinks import SinkTarget


class Beside:
    """What stands beside the real library, from now to `undo`; `install` says what each argument is.

    Attributes:
        recording: None where none was asked for.
    """

    mode: Literal["beside", "instead"] = "beside"
    _lock = threading.Lock()
    _installed: Beside | None = None

    def __init__(
        self,
        *,
        rollout: Rollout | None = None,
        candidate: Any = "native",
        upgrades: Iterable[str] = (),
        target: Target | None = None,
        unit: UnitOf | None = None,
        record: SinkTarget | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self._real = real_library()
        names = _checked_upgrades(upgrades)
        if rollout is None:
            _refuse_without_rollout({"upgrades": names, "target": target, "unit": unit})
        self._replaced: list[_Replaced] = []
        self._active = True
        self._carrier: Carrier | None = None
        self._router: Router | None = None
        with self._lock:
            if Beside._installed is not None:
                raise RuntimeError("openai 0.28 is installed already; uninstall that first")
            self.recording = None if record is None else LibraryRecording(record, redaction=redaction)
            if rollout is not None:
                observe = None if self.recording is None else self.recording.observe
                self._carrier = Carrier(candidate, observe=observe)
                upgrading = Upgrading(names=names, target=target)
                self._router = Router(
                    self._real, rollout=rollout, carrier=self._carrier, upgrading=upgrading, unit=unit
                )
            self._replace()
            Beside._installed = self

    @property
    def counts(self) -> BesideCounts:
        """What became of the chat calls so far."""
        return BesideCounts() if self._router is None else self._router.counts

    @classmethod
    def is_installed(cls) -> bool:
        """Whether one is in force."""
        return cls._installed is not None

    def renew(self) -> None:
        """Stand beside the library as it is imported now, where a program took it out of `sys.modules` and imported it anew."""
        real = real_library()
        if real.openai is self._real.openai:
            return
        self._real = real
        if self._router is not None:
            self._router.stand_beside(real)
        self._replace()

    def undo(self) -> None:
        """Put back what stood there; calls under way end as they began, but those of the candidate, which end as cancelled."""
        with self._lock:
            if Beside._installed is self:
                Beside._installed = None
        self._active = False
        for each in reversed(self._replaced):
            each.restore()
        if self._carrier is not None:
            self._carrier.close()
        if self._router is not None:
            self._router.close()
        if self.recording is not None:
            self.recording.close()

    def _replace(self) -> None:
        if self._router is None and self.recording is None:
            return
        requestor = self._real.requestor
        self._replaced.append(_Replaced(requestor, "request_raw", self._blocking))
        self._replaced.append(_Replaced(requestor, "arequest_raw", self._in_async))
        if self.recording is not None:
            self._replaced.append(_Replaced(self._real.api_requestor, "_make_session", self._making))

    def _blocking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        router, recording, real = self._router, self.recording, self._real
        send = original if router is None else functools.partial(router.request_raw, original)

        def request_raw(*args: Any, **how: Any) -> Any:
            if not self._active or is_replaying():
                return original(*args, **how)
            if recording is None:
                return send(*args, **how)
            with recording.a_blocking_call(real):
                return send(*args, **how)

        return request_raw

    def _in_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        router, recording = self._router, self.recording
        send = original if router is None else functools.partial(router.arequest_raw, original)

        async def arequest_raw(requestor: Any, method: str, url: str, session: Any, **how: Any) -> Any:
            if not self._active:
                return await original(requestor, method, url, session, **how)
            watched = session if recording is None else recording.watched(session)
            return await send(requestor, method, url, watched, **how)

        return arequest_raw

    def _making(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def make_session() -> Any:
            session = original()
            return (
                session
                if self.recording is None or not self._active or is_replaying()
                else self.recording.tapped(session)
            )

        return make_session


class _Replaced:
    """One name that something else stands under. Where somebody has wrapped that since, it stays, and lets everything through."""

    def __init__(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]
        made = functools.wraps(self._original)(make(self._original))
        self._ours = made
        setattr(owner, name, made)

    def restore(self) -> None:
        """Put back what stood there."""
        if vars(self._owner).get(self._name) is self._ours:
            setattr(self._owner, self._name, self._original)


def _refuse_without_rollout(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value:
            raise TypeError(
                f"{name} says something of the calls that a rollout moves, and none is given; give rollout=, or leave "
                f"{name} out"
            )


def _checked_upgrades(upgrades: Iterable[str]) -> tuple[str, ...]:
    """The names of upgrades.

    Raises:
        InvalidRequestError: one is no upgrade's.
    """
    names = (upgrades,) if isinstance(upgrades, str) else tuple(upgrades)
    if names:
        from shim.migration.upgrades import upgrade_request

        upgrade_request({}, upgrades=names)
    return names
