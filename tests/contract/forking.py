"""A program that forks while its streams run, for `test_fork`: children end in every way, and no stream is harmed.

Not a test: it is run in a process of its own, since the one of the tests has threads. Arguments: kind, the server's URL, its CA
file or "".
"""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
from typing import Any

from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from tests.helpers.driving import Heard, ask, drive, start

STREAMS = 3
ENDS = ("close", "exit", "crash", "leave", "drop")
provider: Any = None  # of the module, as programs have it: the interpreter's end finds it here


def end_child(how: str) -> None:
    """End this process, a child, in that way."""
    global provider  # noqa: PLW0603 - to drop it
    if how == "close":
        provider.close()
    elif how == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "drop":
        provider = None
        gc.collect()
    elif how == "exit":
        sys.exit(0)
    os._exit(0)


def have_come(streams: list[Heard], count: int) -> bool:
    """Whether each stream has had so many events."""
    return all(len(each.events) > count or each.done for each in streams)


def main(kind: str, url: str, ca_file: str) -> None:
    """Run it; raises where something was lost."""
    global provider  # noqa: PLW0603 - see above
    if kind == "legacy":
        provider = LegacyProvider(api_key="sk-test-key", base_url=url, verify=ca_file or None)
    else:
        provider = NativeProvider(api_key="sk-test-key", base_url=url, ca_file=ca_file or None)
    # A full collection takes the middle generation last: in a child it comes to what streams have before the provider.
    gc.collect(0)
    gc.disable()
    expected = ask(provider, stream=False).response.text
    streams = [start(provider, stream=True) for _ in range(STREAMS)]
    for count, how in enumerate(ENDS):
        drive(provider, functools.partial(have_come, streams, 2 * count))
        child = os.fork()
        if not child:
            del streams
            end_child(how)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == (-signal.SIGKILL if how == "crash" else 0), status
    drive(provider, lambda: all(each.done for each in streams))
    again: list[Heard] = [ask(provider, stream=True), ask(provider, stream=False)]
    for each in (*streams, *again):
        assert each.response.text == expected, each.response.text
    provider.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
