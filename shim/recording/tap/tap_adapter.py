"""The adapters of a tapped session: each stands before one of the session's own, and records what passes.

Not what is recorded nor where it goes (`session_tap`). Whatever the session is given later, by `mount` or otherwise, gets one in
front of it too. Sources: `requests.Session.mount` and `.adapters`.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import requests
from requests.adapters import BaseAdapter
from urllib3.util import request as writing

from shim.recording.exchange import PAIR_HEADER
from shim.recording.tap.response_body import NotedBody
from shim.recording.tap.socket_file import listens
from shim.recording.tap.transport_fault import sending_fault

if TYPE_CHECKING:
    from shim.recording.exchange import Headers
    from shim.recording.exchange_builder import Recording
    from shim.recording.recorder import Recorder

# RFC 9110 6.4.1: responses without a body, whatever their headers say.
_BODILESS: Final = frozenset({204, 304})
# How a body of text is written: by urllib3 itself, or before its version 2 by http.client.
_TEXT: Final = "utf-8" if hasattr(writing, "body_to_chunks") else "latin-1"


class Tapping:
    """One tap, to those that record for it; without a recorder once it is removed, and all lets through."""

    __slots__ = ("recorder",)

    def __init__(self, recorder: Recorder) -> None:
        self.recorder: Recorder | None = recorder


def tap_adapters(session: requests.Session, recorder: Recorder) -> Callable[[], None]:
    """Put a tap in front of each adapter of a session, and of each that comes later; prefixes and their order stay.

    Returns:
        what undoes it. Taps may be removed in any order.
    """
    tapping = Tapping(recorder)
    adapters = begin_tapping(session, tapping)

    def undo() -> None:
        tapping.recorder = None
        if session.adapters is adapters:
            end_tapping(session, tapping)
        else:
            adapters.end(tapping)
            recorder.failed(
                RuntimeError("the session was given other adapters: what went through them was not recorded")
            )
            for prefix, adapter in list(session.adapters.items()):
                session.adapters[prefix] = _below(adapter)

    return undo


def is_tapped(session: requests.Session, tapping: Tapping) -> bool:
    """Whether a tap stands before the adapters of a session."""
    return isinstance(session.adapters, _TappedAdapters) and tapping in session.adapters.tappings


def begin_tapping(session: requests.Session, tapping: Tapping) -> _TappedAdapters:
    """Put a tap before the adapters of a session, and before those that come later; return what holds them then."""
    adapters = session.adapters if isinstance(session.adapters, _TappedAdapters) else _TappedAdapters(session.adapters)
    adapters.begin(tapping)
    session.adapters = adapters
    return adapters


def end_tapping(session: requests.Session, tapping: Tapping) -> None:
    """Take it off; the session has its own mapping again where no other tap is left."""
    adapters = session.adapters
    if isinstance(adapters, _TappedAdapters):
        adapters.end(tapping)
        if not adapters.tappings:
            session.adapters = adapters.plain


_Adapters: TypeAlias = "MutableMapping[str, BaseAdapter]"


class _TappedAdapters(OrderedDict[str, BaseAdapter]):
    """A session's adapters, each behind the taps there are. Copied or pickled it is what it stands for."""

    def __init__(self, plain: _Adapters) -> None:
        super().__init__()
        self.tappings: tuple[Tapping, ...] = ()
        self._was = plain
        self.update(plain)

    def __setitem__(self, prefix: str, adapter: BaseAdapter) -> None:
        behind = {each.tapped_by for each in _taps_of(adapter)}
        for tapping in self.tappings:
            if tapping not in behind:
                adapter = self._known(adapter, tapping) or TapAdapter(adapter, tapping)
        super().__setitem__(prefix, adapter)

    def _known(self, adapter: BaseAdapter, tapping: Tapping) -> TapAdapter | None:
        """The tap that stands before the same adapter at another prefix already: it stays one."""
        for each in self.values():
            if type(each) is TapAdapter and each.tapped_adapter is adapter and each.tapped_by is tapping:
                return each
        return None

    def begin(self, tapping: Tapping) -> None:
        """Put one more tap before all."""
        self.tappings += (tapping,)
        self.update(list(self.items()))

    def end(self, tapping: Tapping) -> None:
        """Take a tap away, which lets all through already."""
        self.tappings = tuple(each for each in self.tappings if each is not tapping)
        for prefix, adapter in list(self.items()):
            super().__setitem__(prefix, _below(adapter))

    @property
    def plain(self) -> _Adapters:
        """The session's own mapping, as it would be without any tap."""
        now = [(prefix, _below(adapter)) for prefix, adapter in self.items()]
        self._was.clear()
        self._was.update(now)
        return self._was

    def copy(self) -> Any:
        """A plain copy."""
        return OrderedDict(self)

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (list(self.items()),)


def _taps_of(adapter: BaseAdapter) -> Iterator[TapAdapter]:
    """The taps before an adapter, the first one first."""
    while type(adapter) is TapAdapter:
        yield adapter
        adapter = adapter.tapped_adapter


def _below(adapter: BaseAdapter) -> BaseAdapter:
    """The first adapter below that is no removed tap: taps may be removed in any order."""
    found = adapter
    while type(found) is TapAdapter and found.tapped_by.recorder is None:
        found = found.tapped_adapter
    return found


@final
class TapAdapter(BaseAdapter):
    """Stands before another adapter and records what passes; in every other way that adapter.

    Copied or pickled it is the other adapter alone: a session that holds it can be copied as ever.
    """

    tapped_adapter: BaseAdapter
    tapped_by: Tapping

    def __init__(self, adapter: BaseAdapter, tapping: Tapping) -> None:
        self.__dict__.update(tapped_adapter=adapter, tapped_by=tapping)

    @property  # type: ignore[misc]  # a property in place of what object has, so that isinstance takes it for the original
    def __class__(self) -> Any:
        return self.tapped_adapter.__class__  # which may stand before another in turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["tapped_adapter"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.tapped_adapter, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.tapped_adapter, name)

    def __dir__(self) -> list[str]:
        return dir(self.tapped_adapter)

    def __repr__(self) -> str:
        return repr(self.tapped_adapter)

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (self.tapped_adapter,)

    def __copy__(self) -> BaseAdapter:
        return copy.copy(self.tapped_adapter)

    def __deepcopy__(self, memo: Any) -> BaseAdapter:
        return copy.deepcopy(self.tapped_adapter, memo)

    def close(self) -> None:
        """Close the adapter."""
        self.tapped_adapter.close()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request as the adapter does, and record it; raises what the adapter raises, the very object."""
        adapter, recorder = self.tapped_adapter, self.tapped_by.recorder
        if recorder is None:
            return adapter.send(request, *args, **kwargs)
        request, recording = _begun(request, recorder)
        if recording is None:
            return adapter.send(request, *args, **kwargs)
        try:
            response = adapter.send(request, *args, **kwargs)
        except Exception as error:
            recording.end("failed", fault=sending_fault(error, at=recording.elapsed()))
            raise
        except BaseException:
            recording.end("aborted")
            raise
        try:
            _watch(response, request, recording=recording)
            if response.connection is adapter:
                response.connection = self  # type: ignore[assignment]  # one, for all that can be told
        except Exception as error:  # noqa: BLE001 - whatever an adapter gave back, the caller gets it
            recorder.failed(error)
        return response


def _same(adapter: BaseAdapter) -> BaseAdapter:
    """How a tapped adapter is unpickled."""
    return adapter


def _begun(request: requests.PreparedRequest, recorder: Recorder) -> tuple[requests.PreparedRequest, Recording | None]:
    """The request to send: the very one given, or a copy without our header; and its recording."""
    try:
        pair_id = request.headers.get(PAIR_HEADER)
        if pair_id is not None:
            request = request.copy()
            del request.headers[PAIR_HEADER]
        recording = recorder.begin(
            method=_as_text(request.method or ""),
            url=_as_text(request.url or ""),
            headers=_pairs(request.headers),
            body=_as_sent(request.body),
            pair_id=None if pair_id is None else _as_text(pair_id),
        )
    except Exception as error:  # noqa: BLE001 - whatever is odd about a request, it is sent
        recorder.failed(error)
        return request, None
    return request, recording


def _as_sent(body: Any) -> Any:
    """A body of text as the bytes that go out; of one that cannot be written so nothing does."""
    if isinstance(body, str):
        with suppress(UnicodeEncodeError):
            return body.encode(_TEXT)
    return body


def _watch(response: requests.Response, request: requests.PreparedRequest, *, recording: Recording) -> None:
    """Take the head of the response, and put a watch on its body."""
    raw = response.raw
    headers = getattr(raw, "headers", None) or response.headers
    recording.head(response.status_code, reason=_as_text(response.reason or ""), headers=_pairs(headers))
    content: Any = response._content  # noqa: SLF001 - an adapter may have read the body already, or made it up
    if raw is None or content is not False:
        recording.note(content or b"")
        recording.end("complete")
        return
    if response.status_code in _BODILESS or request.method == "HEAD" or getattr(raw, "length_remaining", None) == 0:
        recording.end("complete")
        return
    encoding = str(headers.get("content-encoding") or "").strip().lower()
    if not listens(raw, recording, encoding=encoding):
        response.raw = NotedBody(raw, recording, encoding=encoding)


def _pairs(headers: Any) -> Headers:
    """Headers one by one; urllib3's own tell a repeated one each time."""
    return tuple((_as_text(name), _as_text(value)) for name, value in headers.items())


def _as_text(value: str | bytes) -> str:
    """Headers may be bytes; HTTP's are Latin-1."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
