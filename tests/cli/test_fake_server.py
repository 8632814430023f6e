"""Tests of `shim fake-server`: what it announces works, and it ends when told to."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import socket
import sys
import urllib.request

import pytest

from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, run, shim_command


@pytest.mark.slow
def test_what_it_announces_works() -> None:
    """The address and both commands it prints work as printed, with its key, until Ctrl-C ends it with status 0."""
    with Running(shim_command("fake-server", "--api-key", 'it\'s-"one"'), environment()) as server:
        base_url = re.findall(r"http\S+", server.expect("/v1\n"))[0]
        announced = server.expect("curl") + server.expect("'\n")
        chat, curl = re.findall(r"(OPENAI_API_KEY=.*|curl (?:.*\n?)*)", announced)
        key, *python = shlex.split(chat)
        assert python[:3] == ["python", "-m", "shim"]
        ran = run(shim_command(*python[3:]), environment(OPENAI_API_KEY=key.partition("=")[2]))
        assert (ran.returncode, ran.stdout) == (0, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10.\n")
        assert asked_as_by(shlex.split(curl))["model"] == "gpt-4o-mini"
        assert base_url in chat
        served = server.expect("--endpoints\n")
        assert "chat/completions, responses, completions, embeddings" in served
        assert f"Azure OpenAI: {base_url.removesuffix('/v1')} with any deployment" in served
        server.interrupt()
        assert server.status() == 0
        assert (server.output, server.errors()) == ("Stopped.\n", "")


def asked_as_by(curl: list[str]) -> dict[str, object]:
    """The answer to what a curl command line asks."""
    address, *options = [each for each in curl[1:] if each.strip()]
    headers = dict(value.split(": ", 1) for name, value in itertools.pairwise(options) if name == "-H")
    request = urllib.request.Request(address, options[-1].encode(), headers)  # noqa: S310 - the loopback server's
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        decoded: dict[str, object] = json.load(answer)
    return decoded


def test_it_lists_what_it_serves(run_shim: RunShim) -> None:
    """`--endpoints` prints one line an endpoint, its methods and its path, and starts no server."""
    ran = run_shim("fake-server", "--endpoints")
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert {"POST /v1/chat/completions", "GET POST /v1/files", "GET DELETE /v1/files/{id}"} <= set(lines)
    assert all(re.fullmatch(r"(?:(?:GET|POST|DELETE) )+/\S+", line) for line in lines)


def test_it_stays_on_this_machine(run_shim: RunShim) -> None:
    """A host that others could reach is refused with status 2."""
    ran = run_shim("fake-server", "--host", "0.0.0.0")  # noqa: S104 - what must be refused
    assert ran.status == 2
    assert "shim: --host: host must be a loopback address" in ran.err


def test_a_taken_port_is_named(run_shim: RunShim) -> None:
    """A port in use ends with status 1, its number, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run_shim("fake-server", "--port", port)
    assert (ran.status, ran.out) == (1, "")
    assert f"Cannot listen on 127.0.0.1 port {port}: " in ran.err
    assert "a free one is taken" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize(("command", "what"), [("fake-server", "the fake server"), ("demo", "the demo")])
def test_the_extra_is_named(command: str, what: str) -> None:
    """Without h11 the extra to install is named, and nothing else is said."""
    without = f"import sys; sys.modules['h11'] = None; from shim.cli import main; sys.exit(main(['{command}']))"
    ran = run([sys.executable, "-c", without], environment())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"shim: {what} needs h11: pip install 'legacy-openai-shim[testing]'\n"
