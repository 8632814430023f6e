"""One HTTP request on its way out, as openai 0.28 would send it, and whether a provider can carry it.

Not the sending. A chat request goes to a provider as the `ModelRequest` that its body parses into, if that gives the same body
again; nothing is changed on the way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from msgspec import UNSET, Struct
from msgspec.structs import replace
from requests.utils import requote_uri

from legacy_openai.transport_errors import without_secrets
from shim.compat.openai_v0.units import RoutedCall, engine_in
from shim.model import InvalidRequestError, ModelRequest
from shim.wire import chat
from shim.wire.masking import credentials_in

CHAT_PATH = "/chat/completions"
# Stands for the model where the address names it; it is never sent.
_NAMED_BY_ADDRESS = "deployment"
# RFC 9110 5.5: not part of a header's value.
_BLANKS = " \t"


_OF_THE_ACCOUNT = frozenset(
    {"accept", "authorization", "api-key", "openai-organization", "openai-version", "user-agent"}
    | {"x-openai-client-user-agent"}
)


class Outgoing(Struct, frozen=True, kw_only=True):
    """A request, ready to be sent.

    Attributes:
        method: in lower case.
        url: whole.
        headers: all of them, the key among them.
        data: the body: bytes, or form fields where there are `files`.
        files: as `requests` takes them.
        stream: whether a stream is asked for.
        timeout: seconds, or a pair of them for connecting and reading, as `requests` takes it.
    """

    method: str
    url: str
    headers: dict[str, str]
    data: Any = None
    files: Any = None
    stream: bool = False
    timeout: Any = None

    @property
    def is_chat(self) -> bool:
        """Whether it asks for a chat completion."""
        return self.method == "post" and not self.files and urlsplit(self.url).path.endswith(CHAT_PATH)

    def __repr__(self) -> str:
        return f"<Outgoing {self.method} {self.url}>"  # a header holds the key


class ChatRequest(Struct, frozen=True, kw_only=True):
    """The same as a provider takes it; `base_url` is what providers add the path of Chat Completions to."""

    request: ModelRequest
    base_url: str
    stream: bool


class InexpressibleError(Exception):
    """A request that no provider can carry as it is; `field` is the place in the body, or `api_base`."""

    def __init__(self, message: str, *, field: str | None) -> None:
        super().__init__(message)
        self.field = field


def chat_request(outgoing: Outgoing, *, mend: bool = False, own_account: bool = False) -> ChatRequest:
    """What a provider is asked so that it sends this request.

    Args:
        outgoing: the request.
        mend: make of it what every server reads the same, and providers take: no slash at the end of `api_base` and no white
            space before it, blanks and letters beyond ASCII in its path quoted, as `requests` does; no white space behind the
            value of a header, such as a key that was read with it or is empty.
        own_account: the provider has an address and a key of its own: it gets neither the key nor what goes with it.

    Raises:
        InexpressibleError: the body or the address has something that would not go out as it is.
    """
    fields = json.loads(outgoing.data)
    stream = fields.get("stream") is True
    if bool(fields.get("stream")) is not stream or stream is not outgoing.stream:
        raise InexpressibleError("stream is neither true nor false; give one of them, or leave it out", field="stream")
    try:
        request = _parsed(fields)
        if chat.to_body(request, stream=stream) != fields:
            raise InexpressibleError("the body has a form that would be sent differently", field=None)
    except InvalidRequestError as refused:
        raise InexpressibleError(str(refused), field=refused.field) from None
    # None keeps a provider from sending a bearer of its own where there is none, as with Azure's keys.
    headers: dict[str, str | None] = {"Accept": "*/*", "Authorization": None, **outgoing.headers}
    headers.pop("Content-Type", None)  # every provider has its own
    if mend:
        headers = {name: value and value.rstrip(_BLANKS) for name, value in headers.items()}
    if own_account:
        headers = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_ACCOUNT}
    base_url = _base_url(_quoted(outgoing.url.lstrip()) if mend else outgoing.url, mend=mend)
    return ChatRequest(request=replace(request, extra_headers=headers), base_url=base_url, stream=stream)


def routed_call(outgoing: Outgoing) -> RoutedCall:
    """A chat call as what names its unit is told of it: without the account it goes by."""
    headers = {name: value for name, value in outgoing.headers.items() if name.lower() not in _OF_THE_ACCOUNT}
    return RoutedCall(fields=json.loads(outgoing.data), headers=headers, engine=engine_in(outgoing.url))


def _parsed(fields: dict[str, Any]) -> ModelRequest:
    if "model" in fields:
        return chat.parse_request(json.dumps(fields).encode())
    request = chat.parse_request(json.dumps({"model": _NAMED_BY_ADDRESS, **fields}).encode())
    return replace(request, extra_body={**request.extra_body, "model": UNSET})


def _base_url(url: str, *, mend: bool) -> str:
    parts = urlsplit(url)
    base = parts.path.removesuffix(CHAT_PATH)
    if (base.endswith("/") and not mend) or parts.fragment:
        raise InexpressibleError("api_base ends with a slash, or has a fragment; leave it out", field="api_base")
    return urlunsplit(parts._replace(path=base.rstrip("/")))


def _quoted(url: str) -> str:
    if url.isascii() and " " not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=requote_uri(parts.path), query=requote_uri(parts.query)))


def check_is_address(url: str) -> None:
    """Let `requests` say that an address is none, in the words that old code knows.

    Raises:
        RequestException: as it raises when it is to send there.
    """
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    with requests.Session() as session:
        session.get_adapter(str(prepared.url))


def quotes_a_credential(fault: BaseException, headers: Mapping[str, str]) -> bool:
    """Whether the words of a fault hold a credential, as those of http.client do where one cannot stand in a header."""
    return any(credential in str(fault) for credential in credentials_in(headers))


def spoken_safely(fault: requests.RequestException, headers: Mapping[str, str]) -> requests.RequestException:
    """The same fault, in words that hold no credential of the request's headers."""
    for credential in credentials_in(headers):
        if credential in str(fault):
            safe = without_secrets(fault, credential)
            fault = safe if isinstance(safe, requests.RequestException) else requests.RequestException(str(safe))
    return fault
