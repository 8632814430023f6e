"""OpenAI spoken directly: Chat Completions and Responses, non-blocking on libcurl.

Not the legacy client (`shim.legacy_adapter`). Needs the extra `native`; importing this says so where it is missing.
"""

from shim.native.provider import NativeProvider
from shim.native.request_writer import RequestWriter

__all__ = ["NativeProvider", "RequestWriter"]
