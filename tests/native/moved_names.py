"""A program in which a name gets another address; run by `test_isolation` with the library it is given made of `SOURCE`.

Not a test: it prints, as JSON, what became of the request before and of the one behind it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shim.native import NativeProvider
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import ask

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef int Lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    char address[64] = "";
    FILE *file = name && strstr(name, "moved") ? fopen(getenv("MOVED_TO"), "r") : NULL;
    if (file) {
        if (fgets(address, sizeof address, file)) name = address;
        fclose(file);
    } else if (name && strstr(name, "moved")) return EAI_NONAME;
    return ((Lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
"""
NAME = "moved.example.org"


def main(moved_to: Path) -> None:
    """Ask before and behind the move, from no such name and from an address where nobody listens; print."""
    told = []
    with FakeOpenAI() as server:
        for before in ("", "127.0.0.9"):
            moved_to.unlink(missing_ok=True)
            if before:
                moved_to.write_text(before)
            base_url = server.base_url.replace("127.0.0.1", NAME)
            with NativeProvider(api_key="k", base_url=base_url, insecure_hosts=[NAME]) as provider:
                category = ask(provider).error.category
                moved_to.write_text("127.0.0.1")
                told.append([category, ask(provider).completion.ok])
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
