"""Tests of what is known of a peer that sends nothing more."""

from __future__ import annotations

import socket
import sys

import pytest

from shim.recording.proxy.peer_state import has_gone


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_one_that_only_stopped_sending_is_told_from_one_that_left(host: str) -> None:
    """A peer that ended its sending side is there as long as somebody holds its socket, and gone once it is closed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        sock, _ = listener.accept()
        with sock:
            client.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
            assert has_gone(sock) is False
            client.close()
            assert has_gone(sock) is True


def test_of_a_closed_socket_nothing_is_known() -> None:
    """A socket without a peer has none that could be asked for."""
    with socket.socket() as sock:
        assert has_gone(sock) is None
