"""The parts of a request in the form openai 0.28.1 gives them: addresses, headers, bodies. Pure functions.

Not where their values come from, nor the sending (`api_requestor`).
"""

from __future__ import annotations

import json
import platform
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from shim.compat.openai_v0.version import VERSION


def with_query(url: str, query: str) -> str:
    """The address with this query behind the one it has."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def with_params(url: str, params: Any) -> str:
    """The address of a GET or DELETE: parameters as its query, without those that are None."""
    return with_query(url, urlencode([(k, v) for k, v in params.items() if v is not None])) if params else url


def json_body(params: Any) -> bytes:
    """Parameters as a body; nothing is checked, the server judges. What JSON cannot express is a TypeError."""
    return json.dumps(params).encode()


def checked_headers(supplied: Any) -> dict[str, str]:
    """A copy of the caller's own headers.

    Raises:
        TypeError: no dict of strings.
    """
    if supplied is None:
        return {}
    if not isinstance(supplied, dict):
        raise TypeError("Headers must be a dictionary")
    for name, value in supplied.items():
        if not isinstance(name, str):
            raise TypeError("Header keys must be strings")
        if not isinstance(value, str):
            raise TypeError("Header values must be strings")
    return dict(supplied)


def app_info_text(info: Any) -> str:
    """`openai.app_info` as a product of the User-Agent."""
    version = f"/{info['version']}" if info["version"] else ""
    url = f" ({info['url']})" if info["url"] else ""
    return f"{info['name']}{version}{url}"


def client_headers(app_info: Any) -> dict[str, str]:
    """What says who is asking, as servers and dashboards know it from 0.28."""
    told = dict(_system())
    agent = f"OpenAI/v1 PythonBindings/{VERSION}"
    if app_info:
        told["application"] = app_info
        agent += " " + app_info_text(app_info)
    return {"X-OpenAI-Client-User-Agent": json.dumps(told), "User-Agent": agent}


@cache
def _system() -> dict[str, Any]:
    uname = platform.uname()
    return {
        "bindings_version": VERSION,
        "httplib": "requests",
        "lang": "python",
        "lang_version": platform.python_version(),
        "platform": platform.platform(),
        "publisher": "openai",
        "uname": " ".join(value for name, value in uname._asdict().items() if name != "node"),
    }
