"""An async call that no provider carries, on a thread of its own through `requests`.

Not chat, as a rule (`asynchronous`). The thread ends with its call; leaving the call cuts its connection, so it ends soon.
"""

from __future__ import annotations

import requests

from legacy_openai.connections import Cutoff, CuttableThread
from shim.compat.openai_v0 import sessions
from shim.compat.openai_v0.transport.heard import Heard, LeftError
from shim.compat.openai_v0.transport.outgoing import Outgoing

_PIECE = 512  # bytes asked for at a time where a stream has no chunks: as 0.28's blocking calls did


class Worker:
    """One request on its thread; `heard` gets what comes of it."""

    def __init__(self, outgoing: Outgoing, session: requests.Session, *, heard: Heard) -> None:
        self._outgoing = outgoing
        self._session = session
        self._heard = heard
        self._cutoff = Cutoff()

    def start(self) -> None:
        """Begin."""
        thread = CuttableThread(target=self._run, name="shim-openai-v0", daemon=True)
        thread.cutoff = self._cutoff
        thread.start()

    def stop(self) -> None:
        """Cut the connection; an ended call is left alone. May be called again."""
        self._heard.leave()
        self._cutoff.cut()

    def _run(self) -> None:
        fault: BaseException | None = None
        try:
            with self._session:
                self._exchange()
        except LeftError:
            pass  # nobody is there to be told
        except BaseException as raised:  # noqa: BLE001 - whatever it is, it is the caller's, who waits on another thread
            fault = raised
        finally:
            self._cutoff.release()
        self._heard.end(fault=fault)

    def _exchange(self) -> None:
        with sessions.send(self._session, self._outgoing, stream=True) as response:
            self._heard.on_head(response.status_code, response.headers)
            for piece in response.iter_content(_PIECE if self._heard.is_event_stream else 65536):
                self._heard.bring(piece)
