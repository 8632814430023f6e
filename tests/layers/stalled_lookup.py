"""A program in which looking up a name hangs; run by `test_deadlines_on_sockets` with a library before the system's.

Not a test: it prints, as JSON, how a call on each provider ended. The providers are not closed: closing the
legacy client joins its threads, and so waits for the lookup.
"""

from __future__ import annotations

import json
import os
import sys
import time

from shim.layers import DeadlineLayer
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from shim.provider import Deadlines
from tests.helpers.driving import ask
from tests.native.stalled_names import NAME


def main() -> None:
    """Measure, and print."""
    told = []
    for make in (LegacyProvider, NativeProvider):
        layer = DeadlineLayer(make(api_key="k", base_url=NAME), Deadlines(total=0.3))
        began = time.monotonic()
        error = ask(layer, stream=True).error
        took = time.monotonic() - began
        told.append({"category": error.category, "message": error.message, "took": took})
    json.dump(told, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # the legacy client's thread is still in the lookup: its program would wait for it


if __name__ == "__main__":
    main()
