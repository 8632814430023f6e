"""The HTTP side of a request: address and headers, checked before anything is sent.

Not the body (`shim.wire`), the sending (`http_multi`) nor what all requests share (`settings`). Source: OpenAI API reference,
Authentication; RFC 9110 5.5 for what a header may hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from shim.model import InvalidRequestError
from shim.model.checks import kind_of

DEFAULT_BASE_URL = "https://api.openai.com/v1"
PATHS: dict[str, str] = {"chat_completions": "/chat/completions", "responses": "/responses"}

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_KEY = re.compile(r"[\x21-\x7e]+")


# What frames the body is the transport's own: another value would let a request end where the server does not see it.
_FRAMING = frozenset({"content-length", "transfer-encoding"})


class Account(Struct, frozen=True, kw_only=True):
    """Where requests go and on whose behalf, without the key. `addresses`: of each API."""

    addresses: Mapping[str, str]
    organization: str | None
    project: str | None
    user_agent: str


def make_account(base_url: str | None, *, organization: str | None, project: str | None, user_agent: str) -> Account:
    """Check the parts and put them together.

    Raises:
        InvalidRequestError: names what cannot be used.
    """
    base_url = DEFAULT_BASE_URL if base_url is None else base_url
    for name, value in (("organization", organization), ("project", project)):
        if value is not None and not _can_be_sent(value):
            raise InvalidRequestError(
                f"{name} is {kind_of(value)} that no header can carry; give printable ASCII, or None", field=name
            )
    addresses = {api: address(base_url, api) for api in PATHS}
    return Account(
        addresses=addresses, organization=organization or None, project=project or None, user_agent=user_agent
    )


def address(base_url: str, api: str) -> str:
    """Make the URL of an API; a trailing slash does not matter, a query is kept.

    Raises:
        InvalidRequestError: `base_url` is not an http(s) URL in ASCII, or carries credentials.
    """
    if not isinstance(base_url, str):
        raise InvalidRequestError(
            f"base_url is {kind_of(base_url)}; give a URL such as {DEFAULT_BASE_URL}", field="base_url"
        )
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not base_url.isprintable() or " " in base_url:
        raise InvalidRequestError(
            f"base_url is not an http(s) URL; give one such as {DEFAULT_BASE_URL}", field="base_url"
        )
    if not base_url.isascii():
        raise InvalidRequestError(
            "base_url has characters beyond ASCII; give its host in Punycode and its path percent-encoded",
            field="base_url",
        )
    if "@" in parts.netloc:
        raise InvalidRequestError(
            "base_url carries credentials; give api_key or extra_headers instead", field="base_url"
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + PATHS[api], parts.query, ""))


def header_lines(account: Account, api_key: str, *, stream: bool, extra: Mapping[str, str | None]) -> list[str]:
    """Make the header lines; `extra` wins whatever its case, None removes a header.

    Raises:
        InvalidRequestError: the key or a header cannot be sent; the message never quotes a value.
    """
    if not _KEY.fullmatch(api_key):
        raise InvalidRequestError(
            "api_key has white space or other characters no header can carry; check how it was read", field="api_key"
        )
    headers: dict[str, str | None] = {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if stream else "application/json",
        "User-Agent": account.user_agent,
        "OpenAI-Organization": account.organization,
        "OpenAI-Project": account.project,
        "Expect": None,  # libcurl would ask leave for a large body, and wait a second where no answer comes
    }
    by_name = {name.lower(): (name, value) for name, value in headers.items()}
    for name, given in extra.items():
        by_name[_checked(name, given)] = (name, given)  # of one given twice in different case, the last is meant
    return [_line(name, value) for name, value in by_name.values()]


def _checked(name: str, value: str | None) -> str:
    """Check a header of the caller's; return its name in lower case."""
    if not _HEADER_NAME.fullmatch(name):
        raise InvalidRequestError(f"extra_headers: {name!r} is not a header name", field="extra_headers")
    if name.lower() in _FRAMING:
        raise InvalidRequestError(f"extra_headers: {name} is set by the transport; leave it out", field="extra_headers")
    if value is not None and not _can_be_sent(value):
        place = f"extra_headers[{name!r}]"
        raise InvalidRequestError(
            f"{place} has characters no header can carry, or spaces around it; give printable ASCII", field=place
        )
    return name.lower()


def _can_be_sent(value: object) -> bool:
    """Whether a header can hold this; spaces around it would not arrive (RFC 9110 5.5)."""
    return (
        isinstance(value, str) and value.isascii() and value == value.strip() and bool(_HEADER_VALUE.fullmatch(value))
    )


def _line(name: str, value: str | None) -> str:
    if value is None:
        return f"{name}:"  # libcurl's way to leave out a header of its own
    return f"{name}: {value}" if value else f"{name};"
