"""The calls that are made through the real openai 0.28.1 and through ours: scripts as old code has them, by name.

Not what is answered (`replies`; the part of a name before a `@` says which). Runs in the old library's environment too: nothing
but the standard library and `requests`.
"""

from tests.compat.openai_v0.calls import chat_answers, chat_requests, endpoints, faults, objects, outside
from tests.compat.openai_v0.calls.scripts import CALLS

__all__ = ["CALLS", "chat_answers", "chat_requests", "endpoints", "faults", "objects", "outside"]
