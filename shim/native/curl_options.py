"""What libcurl is told for every transfer of a client: settings as options.

Not the settings (`settings`) nor what is one transfer's own (`http_multi`), which hands in pycurl: that has one door.
Source: curl_easy_setopt(3).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from shim.model import InvalidRequestError
from shim.native.settings import HttpSettings

_KEEPALIVE_SECONDS: Final = 60  # below the idle limits of usual gateways: 350 s at AWS, 120 s at GCP
_RECEIVE_BUFFER: Final = 16 * 1024  # libcurl fills it up to some sixty times before it returns
UPLOAD_BUFFER: Final = 16 * 1024
"""Of a transfer, kept until its answer has ended: with libcurl's own, four times this, it is half of what a stream holds."""
LARGE_UPLOAD_BUFFER: Final = 64 * 1024
"""For bodies that fill it more than twice: there the small one costs a seventh more."""
_LARGE_BODY: Final = 32 * 1024
_SUPPRESS_CONNECT_HEADERS: Final = 265  # CURLOPT_SUPPRESS_CONNECT_HEADERS(3), which pycurl has no name for
_HTTPS_PROXY: Final = 1 << 21  # CURL_VERSION_HTTPS_PROXY of curl_version_info(3), which older pycurl has no name for
_CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the first that is set
_NAME_AND_PORT: Final = re.compile(r"(?![\d.]+:).+:\d+")
_FOREVER_MS: Final = 2**31 - 1


def options_of(settings: HttpSettings, *, curl: Any, ca_file: str) -> dict[int, Any]:
    """The options every transfer of a client has.

    Args:
        settings: the client's.
        curl: the module of pycurl.
        ca_file: the certificates to trust where the settings name none.

    Returns:
        pycurl's constant -> value.
    """
    version = curl.CURL_HTTP_VERSION_2TLS if settings.http2 else curl.CURL_HTTP_VERSION_1_1
    options: dict[int, Any] = {
        curl.POST: 1,
        curl.NOSIGNAL: 1,
        curl.HTTP_VERSION: version,
        curl.CONNECTTIMEOUT_MS: connect_ms(settings.connect_timeout, settings),
        curl.HTTP_CONTENT_DECODING: 0,  # it knows no bound; undone by `receiver`
        curl.BUFFERSIZE: _RECEIVE_BUFFER,
        curl.UPLOAD_BUFFERSIZE: UPLOAD_BUFFER,
        _SUPPRESS_CONNECT_HEADERS: 1,  # what a proxy says is not the server's answer
        curl.TCP_KEEPALIVE: 1,
        curl.TCP_KEEPIDLE: _KEEPALIVE_SECONDS,
        curl.TCP_KEEPINTVL: _KEEPALIVE_SECONDS,
        curl.CAINFO: settings.ca_file or ca_file,
        curl.SSL_VERIFYPEER: int(settings.verify),
        curl.SSL_VERIFYHOST: 2 if settings.verify else 0,
    }
    if settings.ca_file is None and settings.verify:
        options.update(_named_by_environment(curl))
    options.update(_of_proxy(options, curl))
    if settings.proxy is not None:
        options[curl.PROXY] = settings.proxy
        options[curl.NOPROXY] = ""  # a proxy that was given is used, whatever the environment excludes
    if settings.client_cert is not None:
        options[curl.SSLCERT] = settings.client_cert
        options[curl.KEYPASSWD] = ""  # an encrypted key is an error; OpenSSL would ask at the terminal
    if settings.client_key is not None:
        options[curl.SSLKEY] = settings.client_key
    return options


def _of_proxy(options: Mapping[int, Any], curl: Any) -> dict[int, Any]:
    """The same trust for a proxy that is spoken to by TLS: libcurl's own is the file it was built with, wherever that may be."""
    if not curl.version_info()[4] & _HTTPS_PROXY:
        return {}  # such a proxy is refused, and so are these options
    alike = {
        curl.CAINFO: curl.PROXY_CAINFO,
        curl.CAPATH: curl.PROXY_CAPATH,
        curl.SSL_VERIFYPEER: curl.PROXY_SSL_VERIFYPEER,
        curl.SSL_VERIFYHOST: curl.PROXY_SSL_VERIFYHOST,
    }
    return {alike[option]: value for option, value in options.items() if option in alike}


def _named_by_environment(curl: Any) -> dict[int, str]:
    """The certificates that the environment names, as requests takes them, and OpenSSL.

    Raises:
        InvalidRequestError: a variable of requests' names what is not there, which requests refuses too.
    """
    for name in _CA_VARIABLES:
        path = os.environ.get(name)
        if path and Path(path).exists():
            return {curl.CAPATH if Path(path).is_dir() else curl.CAINFO: path}
        if path and name != "SSL_CERT_FILE":
            raise InvalidRequestError(
                f"{name} in the environment is {path!r}, and there is no such file", field="ca_file"
            )
    return {}


def connect_ms(seconds: float | None, settings: HttpSettings) -> int:
    """The limit that libcurl keeps; none where transfers may queue, since the limit is ours there."""
    if seconds is None or seconds == math.inf or settings.max_connections:
        return _FOREVER_MS
    return min(math.ceil(seconds * 1000), _FOREVER_MS)


def upload_buffer(size: int) -> int:
    """How large the buffer is from which a body of so many bytes is sent."""
    return LARGE_UPLOAD_BUFFER if size > _LARGE_BODY else UPLOAD_BUFFER


def plain_http_proxy() -> str | None:
    """A proxy that libcurl would not find: HTTP_PROXY; not where a CGI server may have made it of a request's header."""
    environment = os.environ  # each look costs as much as a system call: nearly always one will do
    proxy = environment.get("HTTP_PROXY")
    return proxy if proxy and "http_proxy" not in environment and "REQUEST_METHOD" not in environment else None


def hosts_excluded_by_port() -> tuple[str, ...]:
    """What NO_PROXY says that libcurl does not read, and requests does: names with a port, as ".host:8080", in lower case.

    Of an address of numbers requests does not read it either.
    """
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    entries = [entry.strip().lower().removeprefix(".") for entry in listed.split(",")]
    return tuple([f".{entry}" for entry in entries if _NAME_AND_PORT.fullmatch(entry)])


def is_excluded(url: str, hosts: tuple[str, ...]) -> bool:
    """Whether an address that names its port is at one of these, or below its domain."""
    parts = urlsplit(url)
    return parts.port is not None and f".{parts.hostname}:{parts.port}".endswith(hosts)
