"""One outgoing HTTP request: URL, headers, limits, taken from a Config and checked before anything is sent.

Not the JSON body (body.py) and not the sending (transfer.py). Pure: no sockets, no environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.structures import CaseInsensitiveDict

from legacy_openai.config import Config
from legacy_openai.conversation import Conversation
from legacy_openai.errors import InvalidApiKeyError, InvalidConfigError, MissingApiKeyError

__version__ = "1.0.0"

# RFC 9110 5.6.2 (token) and 5.5 (field value), less the obsolete forms; http.client sends latin-1.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"|[\x21-\x7e\xa1-\xff]([\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa1-\xff])?")
_API_KEY = re.compile(r"[\x21-\x7e\xa1-\xff]+")
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class HttpRequest:
    """Everything a worker needs to send; nothing in it is shared with the caller."""

    url: str
    headers: Mapping[str, str | None] = field(repr=False)
    body: bytes = field(repr=False)
    api_key: str = field(repr=False)
    connect_timeout: float | None
    read_timeout: float | None
    proxies: dict[str, str] | None = field(repr=False)
    verify: bool | str | None
    streaming: bool

    @property
    def host(self) -> str:
        """Host and port as the URL names them, for messages."""
        return urlsplit(self.url).netloc


def build_request(cfg: Config, body: bytes, *, streaming: bool) -> HttpRequest:
    """Check what `cfg` says about HTTP and make the request of it.

    Raises:
        MissingApiKeyError: the key is None or empty.
        InvalidApiKeyError: the key cannot stand in a header.
        InvalidConfigError: any other field that cannot be used; the text names it.
    """
    api_key = _checked_key(cfg.openai_api_key)
    return HttpRequest(
        url=_url(cfg.openai_base_url),
        headers=_headers(cfg, api_key, streaming=streaming),
        body=body,
        api_key=api_key,
        connect_timeout=_seconds(cfg.connect_timeout, "connect_timeout"),
        read_timeout=_seconds(cfg.read_timeout, "read_timeout"),
        proxies=_proxies(cfg.proxies),
        verify=_verify(cfg.verify),
        streaming=streaming,
    )


def _checked_key(key: Any) -> str:
    if key is None or key == "":
        raise MissingApiKeyError("Config.openai_api_key is missing: set it before the request")
    if not isinstance(key, str) or not _API_KEY.fullmatch(key):
        raise InvalidApiKeyError(
            f"Config.openai_api_key (a {type(key).__name__}) must be latin-1 text without spaces, "
            "line ends or control characters: was it read from a file with its line end?"
        )
    return key


def _url(base: Any) -> str:
    if not isinstance(base, str) or _UNSAFE_IN_URL.search(base):
        raise InvalidConfigError("Config.openai_base_url must be a URL without spaces or control characters")
    try:
        parts = urlsplit(base)
        host = parts.hostname
    except ValueError as error:
        raise InvalidConfigError(f"Config.openai_base_url is not a URL: {error}") from None
    if not parts.scheme or not host:
        raise InvalidConfigError(f'Config.openai_base_url must look like "https://host/v1", not {base!r}')
    if "@" in parts.netloc:
        raise InvalidConfigError("Config.openai_base_url must not carry credentials: use extra_headers")
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/chat/completions", fragment=""))


def _seconds(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InvalidConfigError(
            f"Config.{name} must be a number of seconds above 0, or None for no limit, not {value!r}"
        )
    return float(value)


def _proxies(proxies: Any) -> dict[str, str] | None:
    """A copy: requests adds the environment's proxies to the dictionary it is given."""
    if proxies is not None and not isinstance(proxies, Mapping):
        raise InvalidConfigError(f"Config.proxies must map schemes to URLs, not be a {type(proxies).__name__}")
    return None if proxies is None else dict(proxies)


def _verify(verify: Any) -> bool | str | None:
    if not isinstance(verify, bool | str | None):
        raise InvalidConfigError(f"Config.verify must be True, False, a CA file's path or None, not {verify!r}")
    return verify


def _headers(cfg: Config, api_key: str, *, streaming: bool) -> Mapping[str, str | None]:
    """The headers; a None removes one that the session would add (requests reads it so)."""
    headers: CaseInsensitiveDict[str | None] = CaseInsensitiveDict()
    headers["User-Agent"] = f"legacy-openai/{__version__}"
    headers["Accept"] = "text/event-stream" if streaming else "application/json"
    headers["Content-Type"] = "application/json"
    headers["Authorization"] = f"Bearer {api_key}"
    if cfg.openai_organization:
        headers["OpenAI-Organization"] = _checked_value(cfg.openai_organization, "openai_organization")
    if cfg.openai_project:
        headers["OpenAI-Project"] = _checked_value(cfg.openai_project, "openai_project")
    if not isinstance(cfg.extra_headers, Mapping):
        raise InvalidConfigError(f"Config.extra_headers must be a mapping, not {type(cfg.extra_headers).__name__}")
    for name, value in cfg.extra_headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InvalidConfigError(f"Config.extra_headers: {name!r} is not a header name")
        headers[name] = None if value is None else _checked_value(value, f"extra_headers[{name!r}]")
    return headers


def _checked_value(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise InvalidConfigError(
            f"Config.{name} (a {type(value).__name__}) must be latin-1 text without line ends, "
            "control characters or spaces around it"
        )
    return value


def check_kinds(cfg: object, conv: object, *, stream_cb: object, completion_cb: object) -> None:
    """Refuse arguments of the wrong kind.

    Raises:
        TypeError: naming the argument.
    """
    if not isinstance(cfg, Config):
        raise TypeError(f"cfg must be a legacy_openai.Config, not {type(cfg).__name__}")
    if not isinstance(conv, Conversation):
        raise TypeError(f"conv must be a legacy_openai.Conversation, not {type(conv).__name__}")
    for name, callback in (("stream_cb", stream_cb), ("completion_cb", completion_cb)):
        if callback is not None and not callable(callback):
            raise TypeError(f"{name} must be callable or None, not {type(callback).__name__}")


def check_address(url: str, session: requests.Session) -> None:
    """Refuse an address that the session has no transport for.

    Raises:
        InvalidConfigError: naming the scheme.
    """
    try:
        session.get_adapter(url)
    except requests.exceptions.InvalidSchema:
        scheme = url.partition(":")[0]
        raise InvalidConfigError(f"Config.openai_base_url: {scheme!r} is not served, use https:// or http://") from None
