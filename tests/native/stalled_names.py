"""A program in which looking up a name hangs; run by `test_isolation` with the library it is given made of `SOURCE`.

Not a test: it prints, as JSON, what a stalled lookup did to the request itself, to a stream beside it, and to closing.
"""

from __future__ import annotations

import json
import sys
import time

from shim.native import NativeProvider
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import ask, drive, start

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
typedef int Lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    if (name && strstr(name, "stalled")) sleep(15);
    return ((Lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
"""
NAME = "https://stalled.example.org/v1"


def main() -> None:
    """Measure, and print."""
    with FakeOpenAI() as server:
        stalled = NativeProvider(api_key="k", base_url=NAME, connect_timeout=0.5)
        beside = NativeProvider(api_key="k", base_url=server.base_url)
        heard, began = start(stalled, stream=True), time.monotonic()
        going = 0
        while not heard.done:
            going += ask(beside, stream=True).completion.ok
            stalled.perform()
            stalled.info_read()
        took = time.monotonic() - began
        again = start(stalled, stream=True)
        drive(beside, lambda: stalled.perform() == 1)
        closing = time.monotonic()
        stalled.close()
        closed = time.monotonic() - closing
        beside.close()
    told = {"category": heard.error.category, "message": heard.error.message, "cancelled": again.error.category}
    json.dump({**told, "took": took, "going": going, "closed": closed}, sys.stdout)


if __name__ == "__main__":
    main()
