"""Tests of shim.legacy_adapter.cut_by_descriptor, with a class for `socket.socket` that has the habits of eventlet's."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from shim.legacy_adapter import LegacyProvider
from shim.provider import Completion
from tests.helpers.driving import HELLO

PLAIN = socket.socket


class GreenSocket:
    """Holds a socket and has of its methods those that it was asked for; the class itself has no `shutdown`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.fd = PLAIN(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["fd"], name)


@pytest.mark.parametrize("late", [False, True])
def test_a_request_whose_socket_no_class_can_shut_down_is_cut(monkeypatch: pytest.MonkeyPatch, *, late: bool) -> None:
    """Cancelling ends the connection at once and raises nothing, whether `socket` was patched before or after it was made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        settings: dict[str, Any] = {"api_key": "sk-test", "base_url": url, "connect_timeout": 15.0}
        provider = LegacyProvider(**settings) if late else None
        monkeypatch.setattr(socket, "socket", GreenSocket)
        provider = provider or LegacyProvider(**settings)
        told: list[Completion] = []
        handle = provider.start_request(HELLO, told.append)
        connection, _ = listener.accept()
        connection.settimeout(5)
        assert connection.recv(4)
        provider.cancel(handle)
        provider.info_read()
        began = time.monotonic()
        while connection.recv(65536):
            pass
        provider.close()
        assert time.monotonic() - began < 2
        connection.close()
    assert [each.ok for each in told] == [False]
