"""`shim fake-server`: runs the fake API until Ctrl-C, and says how to talk to it.

Not the server (`shim.testing.fake_openai`).
"""

from __future__ import annotations

import argparse
import sys
from shlex import quote
from textwrap import wrap

from shim.cli.rendering import UsageError, printer, program_name
from shim.descriptors import OutOfDescriptorsError


def fake_server(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: the host is not a loopback address, or the extra `testing` is missing.
    """
    require_testing("the fake server")
    from shim.testing.fake_openai import endpoints, serve

    if arguments.endpoints:
        for endpoint in endpoints():
            printer(sys.stdout).line(endpoint)
        return 0
    key = arguments.api_key

    def announce(base_url: str) -> None:
        _announce(base_url, key=key or "sk-test", served=endpoints())

    try:
        serve(arguments.host, arguments.port, api_key=key, delay=arguments.delay, on_ready=announce)
    except ValueError as error:
        raise UsageError(f"--host: {error}") from None
    except OutOfDescriptorsError:
        raise
    except (OSError, OverflowError) as error:
        printer(sys.stderr).line(f"Cannot listen on {arguments.host} port {arguments.port}: {error}.", "bold red")
        printer(sys.stderr).line("Give another --port, or leave it out: a free one is taken.")
        return 1
    printer(sys.stdout).line("Stopped.", "dim")
    return 0


def require_testing(what: str) -> None:
    """Raise UsageError, naming the extra, where the loopback server cannot be imported."""
    try:
        import shim.testing.fake_openai  # noqa: F401 - whether it can be imported is the question
    except ModuleNotFoundError as error:
        raise UsageError(f"{what} needs {error.name}: pip install 'legacy-openai-shim[testing]'") from None


def _announce(base_url: str, *, key: str, served: list[str]) -> None:
    out = printer(sys.stdout)
    out.write("The fake OpenAI API listens at ")
    out.line(base_url, "bold")
    out.line("Ctrl-C stops it. From another terminal:\n")
    out.line(f'  OPENAI_API_KEY={quote(key)} {program_name()} chat --base-url {base_url} "Count to 10."\n', "cyan")
    out.line(
        f"  curl {base_url}/chat/completions -H {quote(f'Authorization: Bearer {key}')} -H 'Content-Type: application/json' \\\n"
        """       -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}'""",
        "cyan",
    )
    out.line("\nIt serves, each whole or streamed as the API does:\n")
    for line in wrap(", ".join(_named(served)), 76):
        out.line(f"  {line}")
    azure = base_url.removesuffix("/v1")
    out.line(f"\nAzure OpenAI: {azure} with any deployment. Every path: {program_name()} fake-server --endpoints")


def _named(served: list[str]) -> list[str]:
    """What a client would call the endpoints: their paths below `/v1/`, those of single objects left out."""
    paths = [each.split()[-1] for each in served]
    return [path.removeprefix("/v1/") for path in paths if path.startswith("/v1/") and "{id}" not in path]
