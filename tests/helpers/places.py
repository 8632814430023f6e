"""Places to connect to that are not servers: where nobody listens, where nobody accepts, a name that is none.

Not misbehaving servers (`shim.testing.fake_openai`, `tests.helpers.raw_server`).
"""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_SUCH_NAME = "https://nothing.invalid/v1"
"""RFC 6761 keeps `.invalid` free of hosts for ever."""
_MOST_WAITING = 16


def url_of(listener: socket.socket) -> str:
    """The base URL of whoever listens there."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextmanager
def refusing() -> Iterator[str]:
    """An address where nobody listens: bound, so that nobody else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield url_of(taken)


@contextmanager
def never_accepting() -> Iterator[str]:
    """An address whose queue of connections is full, so that connecting takes for ever."""
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(_MOST_WAITING):
            caller = held.enter_context(socket.socket())
            caller.settimeout(0.05)
            if caller.connect_ex(listener.getsockname()) in (errno.EAGAIN, errno.ETIMEDOUT):
                yield url_of(listener)
                return
        raise AssertionError("the system queues connections without end")
