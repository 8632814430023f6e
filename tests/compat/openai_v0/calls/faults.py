"""Chat calls under every status and fault: whole and streamed, blocking and async.

Not what is answered (`fault_replies`). Runs in the old library's environment too: nothing but the standard library and
`requests`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tests.compat.openai_v0.calls.scripts import CALLS, achat, astreamed, chat, streamed
from tests.compat.openai_v0.fault_replies import FAULTS

# A fault is over at once, and what is silent is left soon; only the limit on the whole of an async call needs to be ample.
_SOON = 1.0
_WAYS: dict[str, Callable[..., Any]] = {"whole": chat, "async": achat, "streamed": streamed, "astreamed": astreamed}


def _ways_of(name: str) -> tuple[str, ...]:
    """How an answer is asked for: what concerns streams alone, and what does not."""
    if name.startswith(("stream_", "payload_", "stalled_stream_")) or name.endswith("_stream"):
        return ("streamed", "astreamed")
    if name.startswith(("stalled_whole_", "body_")):
        return ("whole", "async")
    return ("whole", "async", "streamed", "astreamed")


for _name in FAULTS:
    for _way in _ways_of(_name):
        _soon = {"request_timeout": _SOON} if _name.startswith("stalled_") else {}
        CALLS[f"{_name}@{_way}"] = functools.partial(_WAYS[_way], **_soon)
