"""What the candidate is asked for a call of the real library: a `ModelRequest`, and how this one call goes out.

Not the sending (`carrying`). The real library has made address, headers and body; they are read again here, upgraded where that
was asked for, and refused where they would not go out as they are. No I/O.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from shim.compat.openai_v0.transport.outgoing import CHAT_PATH, Outgoing, chat_request
from shim.model import ModelRequest
from shim.provider import CallOptions, Deadlines, Endpoint

if TYPE_CHECKING:
    from shim.migration.upgrades import Target, Upgraded

COMPLETIONS_PATH = "/completions"


class CallAccount(Struct, frozen=True):
    """On whose behalf a call goes out, as its requestor has it: key, organization, and whether the key is sent Azure's way."""

    api_key: Any
    organization: Any
    by_api_key_header: bool

    def __repr__(self) -> str:
        return "<CallAccount>"  # it holds the key


class Asked(Struct, frozen=True, kw_only=True):
    """A call as a provider takes it.

    Attributes:
        options: None where the provider has an account of its own.
        stream: whether a stream is asked for.
        upgraded: what was changed, to be undone in the answer; None where nothing was.
    """

    request: ModelRequest
    options: CallOptions | None
    stream: bool
    upgraded: Upgraded | None = None


class Upgrading(Struct, frozen=True, kw_only=True):
    """The upgrades that were asked for, and where requests are to go."""

    names: tuple[str, ...] = ()
    target: Target | None = None

    def upgraded(self, url: str, data: bytes) -> tuple[str, bytes, Upgraded | None]:
        """The address, the body, and what was changed; as they came where nothing was.

        Raises:
            UnsupportedFeatureError: the target is known to refuse a field, and no upgrade helps.
        """
        if not self.names:
            return url, data, None
        from shim.migration.upgrades import upgrade_call

        made_url, fields, upgraded = upgrade_call(url, json.loads(data), upgrades=self.names, target=self.target)
        return (made_url, json.dumps(fields).encode(), upgraded) if upgraded.changes else (url, data, None)


def is_chat(url: str) -> bool:
    """Whether an address is that of Chat Completions."""
    return urlsplit(url).path.endswith(CHAT_PATH)


def is_completion(url: str) -> bool:
    """Whether an address is that of the completions before them."""
    path = urlsplit(url).path
    return path.endswith(COMPLETIONS_PATH) and not path.endswith(CHAT_PATH)


def asked_for(outgoing: Outgoing, *, account: CallAccount | None, upgrading: Upgrading) -> Asked:
    """What the candidate is asked.

    Args:
        outgoing: as the real library would send it.
        account: None where the candidate has an address and a key of its own.
        upgrading: what to change.

    Raises:
        InexpressibleError: something would not go out as it is; `field` names it.
        InvalidRequestError, UnsupportedFeatureError: a limit of time, an address or a field cannot be.
    """
    url, data, upgraded = upgrading.upgraded(outgoing.url, outgoing.data)
    chat = chat_request(replace(outgoing, url=url, data=data), mend=True, own_account=account is None)
    if account is None:
        return Asked(request=chat.request, options=None, stream=chat.stream, upgraded=upgraded)
    endpoint = Endpoint(
        chat.base_url,
        organization=account.organization or None,
        auth="api-key" if account.by_api_key_header else "bearer",
    )
    options = CallOptions(api_key=account.api_key, endpoint=endpoint, deadlines=_deadlines(outgoing.timeout))
    headers = _beyond(chat.request.extra_headers, account)
    request = replace(chat.request, extra_headers=headers)
    return Asked(request=request, options=options, stream=chat.stream, upgraded=upgraded)


def _beyond(headers: Mapping[str, str | None], account: CallAccount) -> dict[str, str | None]:
    """The headers that the options do not say: what a caller's `headers=` put in their place stays."""
    said = {
        "authorization": (None, f"Bearer {account.api_key}"),
        "api-key": (account.api_key,),
        "openai-organization": (account.organization,),
    }
    return {name: value for name, value in headers.items() if value not in said.get(name.lower(), ())}


def _deadlines(timeout: Any) -> Deadlines:
    """`request_timeout` as `requests` takes it: seconds, or a pair for connecting and reading; None waits for ever."""
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return Deadlines(connect=math.inf if connect is None else connect, read=math.inf if read is None else read)
