"""Whether a request could be sent: a provider without a transport refuses what one with a transport does.

Not the sending (`shim.native`), nor what an API makes of a request (`shim.testing.fake_openai`). Else a test on a script passes
for a request that production refuses at once.
"""

from __future__ import annotations

from typing import Any, Final

from shim.calls import check_extra_headers
from shim.endpoint import DEFAULT_BASE_URL
from shim.model import InvalidRequestError, ModelRequest, check_request
from shim.model.checks import kind_of
from shim.provider import CallOptions
from shim.wire import chat, responses
from shim.wire.api_selection import select_api

_CODECS: Final[dict[str, Any]] = {"chat_completions": chat, "responses": responses}


def check_sendable(request: ModelRequest, options: CallOptions | None) -> None:
    """Write a request for the API that it would go to, and throw it away.

    Raises:
        InvalidRequestError, UnsupportedFeatureError: it cannot be sent; the message names the field.
    """
    if not (options is None or isinstance(options, CallOptions)):
        raise InvalidRequestError(f"options is {kind_of(options)}; give CallOptions(…)", field="options")
    look = check_request(request)
    check_extra_headers(request.extra_headers, url=DEFAULT_BASE_URL)
    _CODECS[select_api(request).api].serialize(request, stream=False, look=look)
