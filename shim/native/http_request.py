"""The headers of a request, checked before anything is sent.

Not the address (`shim.endpoint`), the body (`shim.wire`), the sending (`http_multi`), what all requests share (`settings`) nor
which headers no transport takes (`shim.calls.request_headers`).
Source: OpenAI API reference, Authentication; RFC 9110 5.5 for what a header may hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shim.calls import check_extra_headers
from shim.endpoint import Endpoint, can_be_sent
from shim.model import InvalidRequestError
from shim.native.transfer import SharedLines
from shim.wire.content_encoding import ACCEPTED
from shim.wire.masking import HiddenText, hidden

_KEY = re.compile(r"[\x21-\x7e]+")
_USER_AGENT = "shim-native/0.1.0"


class HeaderLines:
    """The header lines of requests that bring none of their own: made once while key and endpoint stay the same.

    They hold the key, so this is shown and pickled without them.
    """

    def __init__(self) -> None:
        self._made: dict[bool, tuple[str, Endpoint, tuple[str, ...]]] = {}  # of streams, and of whole answers

    def __repr__(self) -> str:
        return "<HeaderLines>"

    def __reduce__(self) -> tuple[type[HeaderLines], tuple[()]]:
        return HeaderLines, ()

    def of(self, endpoint: Endpoint, api_key: str, *, stream: bool) -> tuple[str, ...]:
        """The lines, as `header_lines` makes them."""
        made = self._made.get(stream)
        if made is None or made[0] != api_key or made[1] is not endpoint:
            lines = SharedLines(header_lines(endpoint, api_key, url="", stream=stream, extra={}))
            made = self._made[stream] = (api_key, endpoint, lines)
        return made[2]


def header_lines(
    endpoint: Endpoint,
    api_key: str,
    *,
    url: str,
    stream: bool,
    extra: Mapping[str, str | None],
    idempotency_key: str | None = None,
) -> list[str]:
    """Make the header lines; `extra` wins whatever its case, None removes a header.

    Raises:
        InvalidRequestError: the key or a header cannot be sent; the message never quotes a value.
    """
    if not _KEY.fullmatch(api_key):
        raise InvalidRequestError(
            "api_key has white space or other characters no header can carry; check how it was read", field="api_key"
        )
    check_extra_headers(extra, url=url)
    by_key = endpoint.auth == "api-key"
    headers: dict[str, str | None] = {
        "api-key" if by_key else "Authorization": hidden(api_key if by_key else f"Bearer {api_key}"),
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if stream else "application/json",
        "Accept-Encoding": ACCEPTED,
        "User-Agent": _USER_AGENT,
        "OpenAI-Organization": endpoint.organization or None,
        "OpenAI-Project": endpoint.project or None,
        "Expect": None,  # libcurl would ask leave for a large body, and wait a second where no answer comes
    }
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    by_name = {name.lower(): (name, value) for name, value in headers.items()}
    for name, given in extra.items():
        by_name[_checked(name, given)] = (name, given)  # of one given twice in different case, the last is meant
    return [_line(name, value) for name, value in by_name.values()]


def _checked(name: str, value: str | None) -> str:
    """Check a header of the caller's; return its name in lower case."""
    if value is not None and not can_be_sent(value):
        place = f"extra_headers[{name!r}]"
        raise InvalidRequestError(
            f"{place} has characters no header can carry, or spaces around it; give printable ASCII", field=place
        )
    return name.lower()


def _line(name: str, value: str | None) -> str:
    if value is None:
        return f"{name}:"  # libcurl's way to leave out a header of its own
    line = f"{name}: {value}" if value else f"{name};"
    return hidden(line) if isinstance(value, HiddenText) else line
