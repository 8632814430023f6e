"""The session of each thread: made at its first call, by the caller's factory where there is one, and anew every 180 s.

Not the requests that go through it (`api_requestor`). Seams of openai 0.28.1 that are read here when a session is made:
`openai.requestssession`, `openai.proxy`, `openai.verify_ssl_certs`, `api_requestor.MAX_CONNECTION_RETRIES` and
`MAX_SESSION_LIFETIME_SECS`, `api_requestor._make_session`.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import requests

from legacy_openai.connections import CuttableAdapter
from shim.compat.openai_v0.namespace import part, setting


def of_this_thread() -> requests.Session:
    """The calling thread's session."""
    requestor = part("api_requestor")
    context = requestor._thread_context  # noqa: SLF001 - old code and tests reach for it under this name
    now = time.time()
    if not hasattr(context, "session"):
        _renew(context, now)
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


def own_session() -> requests.Session:
    """A session of our own: `openai.proxy`, connects that are tried again on https://, connections that can be cut."""
    session = requests.Session()
    proxies = proxies_of(setting("proxy"))
    if proxies:
        session.proxies = proxies
    session.mount("https://", _Adapter(max_retries=part("api_requestor").MAX_CONNECTION_RETRIES))
    session.mount("http://", _Adapter())
    return session


def async_session() -> requests.Session:
    """The session of one async call. As with aiohttp, the environment's proxies and `.netrc` do not count."""
    session = own_session()
    session.trust_env = False
    return session


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


def _renew(context: Any, now: float) -> None:
    context.session = part("api_requestor")._make_session()  # noqa: SLF001 - the seam under its name in 0.28
    context.session_create_time = now


class _Adapter(CuttableAdapter):
    """Connections that can be cut, in pools that go by their usual names: these stand in messages that old code searches."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {
            scheme: type(_POOL_NAMES[scheme], (pool,), {}) for scheme, pool in pools.items()
        }


_POOL_NAMES = {"http": "HTTPConnectionPool", "https": "HTTPSConnectionPool"}
