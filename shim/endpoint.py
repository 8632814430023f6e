"""An endpoint: where requests go and on whose behalf, without the key.

Not the credential (`CallOptions.api_key`, a provider's `api_key`), not the transport. Sources: OpenAI API reference,
Authentication; Azure OpenAI REST reference (deployment paths, `api-version`, the `api-key` header); RFC 3986 for how the parts
are joined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from shim.model.checks import kind_of
from shim.model.errors import InvalidRequestError
from shim.model.response import Api

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
PATHS: Final[dict[Api, str]] = {"chat_completions": "/chat/completions", "responses": "/responses"}

Auth: TypeAlias = Literal["bearer", "api-key"]
"""How the key is sent: `Authorization: Bearer KEY`, or Azure's `api-key: KEY`."""

# What a deployment's path serves; the Responses API has none, and takes the deployment as its model (Azure REST reference).
_BELOW_A_DEPLOYMENT: Final = frozenset({"chat_completions"})
_TO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")


class _BaseUrl(Struct, frozen=True):
    base_url: str = DEFAULT_BASE_URL


class Endpoint(_BaseUrl, frozen=True, kw_only=True):
    """Where requests go and on whose behalf.

    Attributes:
        base_url: http(s), in ASCII, without credentials; what an API's path is put behind. A query of its own is kept.
        organization, project: sent as OpenAI's headers when given.
        auth: how the key is sent.
        query: parameters put behind every address, such as `api-version`.
        deployment: Azure's name of a model; its requests then go to the deployment's path, and name no model.

    Raises:
        InvalidRequestError: a part cannot be used; the message names it, never a credential.
    """

    organization: str | None = None
    project: str | None = None
    auth: Auth = "bearer"
    query: Mapping[str, str] = {}
    deployment: str | None = None

    @classmethod
    def azure(cls, resource: str, deployment: str | None, *, api_version: str, auth: Auth = "api-key") -> Endpoint:
        """The endpoint of a deployment at Azure OpenAI: `/openai/deployments/NAME/chat/completions?api-version=…`.

        Args:
            resource: the resource's name, or its address (`https://NAME.openai.azure.com`, a gateway's own).
            deployment: the name given to the model there; None where requests name it as their model (`/openai/v1`).
            api_version: such as "2024-10-21".
            auth: "api-key", or "bearer" for a token of Microsoft Entra ID.
        """
        for name, value in (("resource", resource), ("api_version", api_version)):
            if not isinstance(value, str) or not value:
                raise InvalidRequestError(
                    f"{name} is {kind_of(value)}; give a string such as 'my-resource'", field=name
                )
        address = resource.rstrip("/") if "://" in resource else f"https://{resource}.openai.azure.com"
        base_url = address if urlsplit(address).path.endswith(("/openai", "/v1")) else f"{address}/openai"
        return cls(base_url, deployment=deployment, auth=auth, query={"api-version": api_version})

    def __post_init__(self) -> None:
        _check_base_url(self.base_url)
        _check_texts(self)
        if self.auth not in get_args(Auth):
            shown = repr(self.auth) if isinstance(self.auth, str) else kind_of(self.auth)
            raise InvalidRequestError(f"auth is {shown}; give one of {', '.join(get_args(Auth))}", field="auth")

    def __repr__(self) -> str:
        parts = urlsplit(self.base_url)
        shown = [repr(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")))]
        shown += [
            f"{name}={value!r}" for name in ("organization", "project", "deployment") if (value := getattr(self, name))
        ]
        shown += [f"auth={self.auth!r}"] if self.auth != "bearer" else []
        shown += [f"query={sorted(self.query)}"] if self.query else []  # a value may be a credential
        return f"Endpoint({', '.join(shown)})"

    @property
    def model_in_path(self) -> bool:
        """Whether Chat Completions requests are sent without a model, since the address names it."""
        return self.deployment is not None

    def url(self, api: Api) -> str:
        """The address of an API; a trailing slash of the base URL does not matter, nor what it has not escaped."""
        parts = urlsplit(self.base_url)
        path = parts.path.rstrip("/")
        if self.deployment is not None and api in _BELOW_A_DEPLOYMENT:
            path += f"/deployments/{quote(self.deployment, safe='')}"
        query = "&".join(filter(None, (parts.query, urlencode(self.query))))
        return urlunsplit((parts.scheme, parts.netloc, _escaped(path) + PATHS[api], _escaped(query), ""))


def _escaped(part: str) -> str:
    """A path or query as requests sends it: what RFC 3986 lets stand nowhere in it is percent-encoded, and so is a bare `%`."""
    return _TO_ESCAPE.sub(lambda found: f"%{ord(found[0]):02X}", part)


def _check_base_url(base_url: object) -> None:
    give = f"give one such as {DEFAULT_BASE_URL}"
    if not isinstance(base_url, str):
        raise _refused("base_url", f"is {kind_of(base_url)}; give a URL such as {DEFAULT_BASE_URL}")
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise _refused("base_url", f"is not an http(s) URL; {give}") from None
    if not usable or not base_url.isprintable() or " " in base_url:
        raise _refused("base_url", f"is not an http(s) URL; {give}")
    if not base_url.isascii():
        raise _refused(
            "base_url", "has characters beyond ASCII; give its host in Punycode and its path percent-encoded"
        )
    if "@" in parts.netloc:
        raise _refused("base_url", "carries credentials; give api_key or extra_headers instead")


def _check_texts(endpoint: Endpoint) -> None:
    for name in ("organization", "project"):
        value = getattr(endpoint, name)
        if value is not None and not can_be_sent(value):
            raise _refused(name, f"is {kind_of(value)} that no header can carry; give printable ASCII, or None")
    deployment: object = endpoint.deployment
    if deployment is not None and not (isinstance(deployment, str) and deployment.strip() and _is_text(deployment)):
        raise _refused("deployment", f"is {kind_of(deployment)}; give the deployment's name, or None")
    query: object = endpoint.query
    if not isinstance(query, Mapping):
        raise _refused("query", f"is {kind_of(query)}; give a mapping of strings")
    for name, value in query.items():
        if not (isinstance(name, str) and isinstance(value, str) and name and _is_text(name + value)):
            raise _refused("query", f"holds {kind_of(value)} for {name!r}; give strings")


def _is_text(text: str) -> bool:
    """Whether a string can be percent-encoded, which a lone surrogate cannot."""
    return text.isprintable()


def can_be_sent(value: object) -> bool:
    """Whether a header can hold this; spaces around it would not arrive (RFC 9110 5.5)."""
    return isinstance(value, str) and value == value.strip() and bool(_HEADER_VALUE.fullmatch(value))


def _refused(name: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name} {what}", field=name)
