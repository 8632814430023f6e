"""What a request needs to know besides the conversation: key, model, address, limits.

Not the request itself: headers and URL are made in http_request.py, the JSON body in body.py.
Nothing is checked here; `MultiClient.add_request` checks what it uses and names the field.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.openai.com/v1"


@dataclass
class Config:
    """Settings of one or many requests; `add_request` takes a snapshot, later changes do not reach it.

    The key and `extra_headers` appear neither in the repr nor in a pickle: an unpickled Config has
    `openai_api_key` None and no `extra_headers` (they may carry a key as well), so set them again.
    `copy.copy`, `copy.deepcopy` and `dataclasses.replace` keep them.
    """

    openai_api_key: str | None = field(default=None, repr=False)
    """Sent as `Authorization: Bearer …`. Never read from the environment."""
    openai_model: str = ""
    """The `model` of the body; required, here or in `params`."""
    openai_temperature: float | None = 0.7
    """Sent as `temperature`; None leaves it out."""
    openai_max_completion_tokens: int | None = None
    """Sent as `max_completion_tokens`; None leaves it out."""
    openai_system_message: str | None = None
    """Sent as a first message of role system; None sends none."""
    openai_base_url: str = DEFAULT_BASE_URL
    """`/chat/completions` is added to its path; a trailing slash does not matter, a query is kept."""
    openai_organization: str | None = None
    """Sent as `OpenAI-Organization` when set."""
    openai_project: str | None = None
    """Sent as `OpenAI-Project` when set."""
    connect_timeout: float | None = 10.0
    """Seconds for TCP connect (per address) and for the TLS handshake; None waits for ever."""
    read_timeout: float | None = 600.0
    """Seconds without a byte from the server, per socket operation and not in total; None waits for ever."""
    proxies: Mapping[str, str] | None = field(default=None, repr=False)
    """Scheme to proxy URL, as `requests` takes it; the environment's proxy variables fill what is not named."""
    verify: bool | str | None = None
    """TLS verification as `requests` takes it: True, False or a CA file; None leaves it to the session."""
    extra_headers: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    """Further headers. They win over this client's own whatever their case; None as a value removes a header."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the body, sent verbatim. They win over every other field, `stream_options` included; `OMIT` as a
    value leaves that field out."""

    def __copy__(self) -> Config:
        return replace(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        return replace(
            self,
            proxies=copy.deepcopy(self.proxies, memo),
            extra_headers=copy.deepcopy(self.extra_headers, memo),
            params=copy.deepcopy(self.params, memo),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "openai_api_key": None, "extra_headers": {}}
