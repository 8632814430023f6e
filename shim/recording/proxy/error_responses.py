"""What the proxy answers itself: error bodies in the shape of the OpenAI API, so that clients show their message.

Not an upstream's errors, which pass as they come. Shape: `{"error": {message, type, param, code}}`.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus

import h11
import msgspec

from shim.recording.proxy.message_reader import MAX_HEAD
from shim.recording.proxy.upstream import Upstream


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the proxy's own."""

    status: int
    message: str
    code: str
    headers: str = ""

    def encode(self) -> bytes:
        """The whole response; the connection ends with it."""
        kind = "invalid_request_error" if self.status < 500 else "proxy_error"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        body = msgspec.json.encode({"error": error})
        reason = HTTPStatus(self.status).phrase
        return (
            f"HTTP/1.1 {self.status} {reason}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{self.headers}Connection: close\r\n\r\n"
        ).encode("ascii") + body


def unfit(request: h11.Request) -> ErrorResponse | None:
    """Why a request is not for a reverse proxy, None where it is."""
    if request.method == b"CONNECT" or not request.target.startswith(b"/"):
        message = (
            "shim record is a reverse proxy: give its address as the base URL of the client, "
            "and do not set it as an HTTP proxy (HTTP_PROXY, HTTPS_PROXY)."
        )
        return ErrorResponse(status=400, message=message, code="not_a_forward_proxy")
    if any(name == b"upgrade" and b"websocket" in value.lower() for name, value in request.headers):
        message = "shim record records no WebSockets: ask over plain HTTP, as clients do that fall back at this answer."
        upgrade = "Upgrade: HTTP/1.1\r\n"  # RFC 9110 15.5.22 wants to be told what is spoken instead
        return ErrorResponse(status=426, message=message, code="websocket_not_recorded", headers=upgrade)
    return None


def not_allowed(named: str) -> ErrorResponse:
    """For a request that gives itself away as one of a stranger's web page; `named` is what did."""
    message = (
        f"shim record does not pass on requests with {named[:200]}: a web page from elsewhere could send them. "
        "If this is a client of yours, start it with --allow-host and that name."
    )
    return ErrorResponse(status=403, message=message, code="host_not_allowed")


def late(seconds: float) -> ErrorResponse:
    """For a request that does not go on."""
    message = f"shim record: the request was not complete after {seconds:g} s without progress."
    return ErrorResponse(status=408, message=message, code="request_timeout")


def unreadable(reason: str, *, too_long: bool) -> ErrorResponse:
    """For bytes that are no request."""
    if too_long:
        message = f"shim record: the request's head is larger than {MAX_HEAD} bytes; send fewer or shorter headers."
        return ErrorResponse(status=431, message=message, code="head_too_large")
    message = f"shim record could not read this request as HTTP/1.1: {reason}."
    return ErrorResponse(status=400, message=message, code="bad_request")


def crowded(most: int) -> ErrorResponse:
    """For a connection too many."""
    message = f"shim record: {most} connections are open already; start it with a larger --max-connections."
    return ErrorResponse(status=503, message=message, code="too_many_connections")


def unreachable(error: Exception, upstream: Upstream) -> ErrorResponse:
    """For an upstream that no connection can be made to."""
    where = f"shim record could not connect to {upstream.origin}"
    if isinstance(error, ssl.SSLError):
        message = (
            f"{where}: TLS failed ({error.reason or error}). Check the address given as --upstream; "
            "if the server's certificate is signed by an authority of your own, give its PEM file as --ca-file."
        )
        return ErrorResponse(status=502, message=message, code="upstream_tls_failed")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    message = (
        f"{where}: {said}. Is that the right address (--upstream), is the server running, does a firewall forbid it?"
    )
    return ErrorResponse(status=502, message=message, code="upstream_unreachable")


def silent(seconds: float, upstream: Upstream) -> ErrorResponse:
    """For an upstream that says nothing for as long as `--timeout` allows."""
    message = f"shim record: nothing came from {upstream.origin} for {seconds:g} s; start it with a larger --timeout."
    return ErrorResponse(status=504, message=message, code="upstream_timeout")
