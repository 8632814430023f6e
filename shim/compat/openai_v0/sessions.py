"""The session of each thread: made at its first call, by the caller's factory where there is one, and anew every 180 s.

Not the making of the requests that go through it (`api_requestor`, `transport`). Seams of openai 0.28.1 that are read here when a
session is made: `openai.requestssession`, `openai.proxy`, `openai.verify_ssl_certs`, `api_requestor.MAX_CONNECTION_RETRIES` and
`MAX_SESSION_LIFETIME_SECS`, `api_requestor._make_session`.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import DEFAULT_POOLSIZE
from requests.utils import prepend_scheme_if_needed, select_proxy
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from legacy_openai.connections import CuttableAdapter
from shim.compat.openai_v0.namespace import part, setting
from shim.compat.openai_v0.recording import recording_in_force
from shim.model.credential_names import is_secret_header

if TYPE_CHECKING:
    from shim.compat.openai_v0.transport.outgoing import Outgoing


def of_this_thread() -> requests.Session:
    """The calling thread's session."""
    requestor = part("api_requestor")
    context = requestor._thread_context  # noqa: SLF001 - old code and tests reach for it under this name
    now = time.time()
    if not hasattr(context, "session") or getattr(context, "process", os.getpid()) != os.getpid():
        _renew(context, now)  # after a fork the parent's connections are the parent's: they are not touched
    elif now - getattr(context, "session_create_time", 0) >= requestor.MAX_SESSION_LIFETIME_SECS:
        context.session.close()
        _renew(context, now)
    session: requests.Session = context.session
    return session


def make() -> requests.Session:
    """The caller's session, or what the caller's factory gives; else one of our own with `openai.proxy`."""
    given = setting("requestssession")
    if given:
        made: requests.Session = given if isinstance(given, requests.Session) else given()
        return made
    if not setting("verify_ssl_certs"):
        warnings.warn("verify_ssl_certs is ignored; openai always verifies.", stacklevel=2)
    return own_session()


def own_session(*, most_connections: int = DEFAULT_POOLSIZE) -> requests.Session:
    """A session of our own: `openai.proxy`, connects that are tried again on https://, connections that can be cut."""
    session = _OwnSession()
    proxies = proxies_of(setting("proxy"))
    if proxies:
        session.proxies = proxies
    retries = part("api_requestor").MAX_CONNECTION_RETRIES
    session.mount("https://", _Adapter(max_retries=retries, pool_maxsize=most_connections))
    session.mount("http://", _Adapter(pool_maxsize=most_connections))
    return session


def async_session(*, most_connections: int) -> requests.Session:
    """The session of the async calls of a loop. As with aiohttp, the environment's proxies and `.netrc` do not count, and one
    proxy serves every address.

    It keeps no cookies: with 0.28 each call had a session of its own, and a cookie jar is not safe to share between threads.
    """
    session = own_session(most_connections=most_connections)
    session.trust_env = False
    proxy = _async_proxy_of(setting("proxy"))
    session.proxies = {"http": proxy, "https": proxy} if proxy else {}
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def send(
    session: requests.Session,
    outgoing: Outgoing,
    *,
    stream: bool,
    url: str | None = None,
    headers: Mapping[str, Any] | None = None,
    data: Any = None,
) -> requests.Response:
    """Send a request through a session, recorded where something records; `url`, `headers` and `data` in place of its own."""
    recording = recording_in_force()
    with nullcontext() if recording is None else recording.a_call(session):
        return session.request(
            outgoing.method,
            outgoing.url if url is None else url,
            headers=cast("Mapping[str, str | bytes | None]", outgoing.headers if headers is None else headers),
            data=outgoing.data if data is None else data,
            files=outgoing.files,
            stream=stream,
            timeout=outgoing.timeout,
            proxies=session.proxies,
        )


def proxies_of(proxy: Any) -> dict[str, str] | None:
    """`openai.proxy` as `requests` takes it.

    Raises:
        ValueError: neither a URL nor a dict.
    """
    if proxy is None:
        return None
    if isinstance(proxy, str):
        return {"http": proxy, "https": proxy}
    if isinstance(proxy, dict):
        return proxy.copy()
    raise ValueError(
        "'openai.proxy' must be specified as either a string URL or a dict with string URL under the https and/or http keys."
    )


def proxy_for(url: str, *, proxy: Any, in_async: bool) -> str | None:
    """The one proxy that `openai.proxy` means for an address; "" is none, None leaves it to the environment.

    Raises:
        ValueError: neither a URL nor a dict.
    """
    found = (_async_proxy_of(proxy) or "") if in_async else select_proxy(url, proxies_of(proxy))
    whole: Any = prepend_scheme_if_needed  # untyped
    return whole(found, "http") if found else found


def _async_proxy_of(proxy: Any) -> Any:
    """The proxy of async calls: of a dict that for https://, else that for http://, whatever the address."""
    given = proxies_of(proxy) or {}
    return given.get("https", given.get("http"))


def _renew(context: Any, now: float) -> None:
    context.session = part("api_requestor")._make_session()  # noqa: SLF001 - the seam under its name in 0.28
    context.session_create_time = now
    context.process = os.getpid()


class _OwnSession(requests.Session):
    """Follows redirects, as ever; but where requests takes Authorization out on the way, every other credential goes too."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        asked, next_one = str(response.request.url), str(prepared_request.url)
        requests_own: Any = super()  # these two are untyped
        requests_own.rebuild_auth(prepared_request, response)
        if requests_own.should_strip_auth(asked, next_one):  # another host, or https left for http
            for name in [each for each in prepared_request.headers if is_secret_header(each)]:
                del prepared_request.headers[name]


class _Adapter(CuttableAdapter):
    """Connections that can be cut, in pools that go by their usual names: these stand in messages that old code searches.

    Where somebody has put a class in the place of urllib3's own connections, as vcrpy does, that is taken.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {scheme: _named(scheme, pool) for scheme, pool in pools.items()}


@cache
def _named(scheme: str, pool: Any) -> type:
    of_connection, usual = _USUAL[scheme]
    ours = type(of_connection, (pool.ConnectionCls,), {})

    def in_use(_pool: object) -> Any:
        theirs = usual.ConnectionCls  # looked up for each connection: cassettes are put in and taken out
        return ours if issubclass(ours, theirs) else theirs

    return type(usual.__name__, (pool,), {"ConnectionCls": property(in_use)})


_USUAL: dict[str, tuple[str, Any]] = {
    "http": ("HTTPConnection", HTTPConnectionPool),
    "https": ("HTTPSConnection", HTTPSConnectionPool),
}
