"""Tests of shim.native.curl_faults: what libcurl's errors mean, where its words alone tell."""

from __future__ import annotations

import pytest

from shim.native.curl_faults import fault_of
from shim.native.transfer import FaultKind

PROXY, NO_PROXY, CONNECT, TLS, RECEIVE = 97, 5, 7, 35, 56
OF_PROXIES: list[tuple[int, str, FaultKind]] = [
    *[(CONNECT, f"CONNECT tunnel failed, response {status}", "invalid_request") for status in (301, 400, 401, 405)],
    *[(CONNECT, f"CONNECT tunnel failed, response {status}", "network") for status in (408, 425, 429, 500, 503)],
    (PROXY, "No authentication method was acceptable.", "invalid_request"),
    (PROXY, "User was rejected by the SOCKS5 server (1 1).", "invalid_request"),
    *[(PROXY, f"cannot complete SOCKS5 connection to 127.0.0.1. ({n})", "invalid_request") for n in (2, 7, 8)],
    *[(PROXY, f"cannot complete SOCKS5 connection to 127.0.0.1. ({n})", "network") for n in (1, 3, 4, 5, 6)],
    (PROXY, "Received invalid version in initial SOCKS5 response.", "protocol"),
    (PROXY, "Failed to receive SOCKS response, proxy closed connection", "network"),
]


@pytest.mark.parametrize(("code", "words", "kind"), OF_PROXIES, ids=lambda part: str(part)[-40:])
def test_a_proxy_that_will_not_is_not_asked_again(code: int, words: str, kind: FaultKind) -> None:
    """What a proxy refuses for who we are or what it is, is no fault of the network; what may pass by itself is one."""
    fault = fault_of(code, words, answered=False)
    assert fault.kind == kind
    assert words in fault.message


@pytest.mark.parametrize("scheme", ["http", "htp"])
def test_no_url_of_a_proxy_is_quoted(scheme: str) -> None:
    """Where libcurl cannot read a proxy's URL its words are not told, since it quotes a password too; what to do is."""
    url = f"{scheme}://me:proxy-secret@home@127.0.0.1:3128"
    fault = fault_of(NO_PROXY, f"Unsupported proxy syntax in '{url}': Bad hostname", answered=False)
    assert fault.kind == "invalid_request"
    assert "proxy-secret" not in fault.message
    assert "%40" in fault.message


@pytest.mark.parametrize(
    "alert", ["certificate required", "unknown ca", "bad certificate", "certificate expired", "certificate revoked"]
)
def test_a_certificate_the_server_refuses_is_not_worth_another_try(alert: str) -> None:
    """An alert about our certificate says where it is set, also where it comes behind the handshake."""
    for code in (TLS, RECEIVE):
        fault = fault_of(code, f"SSL routines::tlsv13 alert {alert}, errno 0", answered=False)
        assert fault.kind == "protocol"
        assert "client_cert" in fault.message
    assert fault_of(TLS, "SSL routines::ssl/tls alert handshake failure", answered=False).kind == "network"
