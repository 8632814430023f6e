"""The tap on `requests` at module level: records what `requests.post(…)` and its like send, in every thread.

Not the tap on a session (`session_tap`). These functions make a session for each call; while a tap is on, that session is
tapped. What it does not see: sessions a program makes itself (`requests.Session()`, tap those), and other libraries (aiohttp,
httpx, urllib: `shim record` sees them). It sees every caller in the process, so only addresses of an OpenAI API are recorded
unless `only` says otherwise.

    with tap.module(requests, "recorded.jsonl.gz"):
        ...post as ever...
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import requests

from shim.recording.exchange_builder import Recording
from shim.recording.recorder import Recorder

if TYPE_CHECKING:
    from shim.recording.recorder import Sink

Mount: TypeAlias = Callable[[requests.Session], object]

_PATHS: Final = ("/chat/completions", "/completions", "/responses", "/embeddings", "/moderations")

_lock = threading.Lock()  # taps may begin and end in any thread, in any order


def is_api_address(url: str) -> bool:
    """Whether an address is that of an API of OpenAI's, on whatever host."""
    return urlsplit(url).path.rstrip("/").endswith(_PATHS)


class ModuleRecorder(Recorder):
    """Records the addresses that `only` takes."""

    def __init__(self, sink: Sink, *, only: Callable[[str], bool] | None = None, **settings: Any) -> None:
        super().__init__(sink, **settings)
        self._only = only or is_api_address

    def begin(self, *, url: str, **sent: Any) -> Recording | None:
        """Begin to record a request; None for another address, and where that failed."""
        try:
            wanted = self._only(url)
        except Exception as error:  # noqa: BLE001 - the caller's own function; the request is sent
            self.failed(error)
            return None
        return super().begin(url=url, **sent) if wanted else None


class _Sessions:
    """What `requests.api` finds as its module `sessions` while a tap is on: the same, but that sessions are tapped."""

    def __init__(self, below: Any, mount: Mount) -> None:
        self.below = below
        self.mount: Mount | None = mount

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def Session(self) -> requests.Session:  # noqa: N802 - the name that `requests.api` calls
        """Make a session, tapped."""
        session: requests.Session = self.below.Session()
        if self.mount is not None:
            self.mount(session)
        return session


def install_module_tap(module: ModuleType, mount: Mount) -> Callable[[], None]:
    """Tap `requests`; what is returned ends that.

    Args:
        module: `requests`.
        mount: taps one session.

    Raises:
        TypeError: it is another module.
    """
    if module is not requests:
        name = getattr(module, "__name__", type(module).__name__)
        raise TypeError(f"{name} cannot be tapped as a module; give requests, or use `shim record`")
    api: Any = requests.api
    with _lock:
        ours = _Sessions(api.sessions, mount)
        api.sessions = ours

    def undo() -> None:
        with _lock:
            ours.mount = None
            while isinstance(api.sessions, _Sessions) and api.sessions.mount is None:
                api.sessions = api.sessions.below  # those below that ended before too

    return undo
