"""Tests of `shim record`: what it announces works, it ends when told to, and every failure to start says what to do."""

from __future__ import annotations

import re
import signal
import socket
import sys
from pathlib import Path

import pytest
import requests

from shim.cli.arguments import parse
from shim.recording.files import read_exchanges
from shim.recording.proxy import ProxySettings
from shim.testing.fake_openai import FakeOpenAI
from tests.cli.conftest import RunShim
from tests.cli.running import KEY, Running, environment, run, shim_command


def ask(base_url: str, path: str = "/models") -> int:
    """The status of one request, whose key and query are secrets."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{base_url}{path}?secret=1", headers={"Authorization": f"Bearer {KEY}"}).status_code


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_records_until_it_is_told_to_end(number: signal.Signals, tmp_path: Path, server: FakeOpenAI) -> None:
    """It prints the base URL to use, a line per exchange on standard error, a count at the end, and ends with status 0."""
    file = tmp_path / "all.jsonl.gz"
    with Running(shim_command("record", "--upstream", server.base_url, str(file)), environment()) as proxy:
        announced = proxy.expect("Ctrl-C")
        base_url = re.findall(r"http\S+/v1$", announced, re.MULTILINE)[0]
        assert (ask(base_url), ask(base_url, "/none")) == (200, 404)
        proxy._process.send_signal(number)
        assert proxy.status() == 0
        assert f"2 exchanges recorded in {file}." in proxy.output
        lines = proxy.errors().splitlines()
    assert re.fullmatch(r"GET /v1/models 200 \d+ bytes \d+ ms", lines[0])
    assert re.fullmatch(r"GET /v1/none 404 \d+ bytes \d+ ms", lines[1])
    assert len(lines) == 2
    assert [each.request.method for each in read_exchanges(file)] == ["GET", "GET"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_rotates(number: signal.Signals, tmp_path: Path, server: FakeOpenAI) -> None:
    """With --rotate-size every file is closed whole, the last one at the signal's end, and the count of files is told."""
    pattern = str(tmp_path / "all-{time}.jsonl.gz")
    command = shim_command("record", "--rotate-size", "10B", "--upstream", server.base_url, pattern)
    with Running(command, environment()) as proxy:
        base_url = re.findall(r"http\S+/v1$", proxy.expect("Ctrl-C"), re.MULTILINE)[0]
        assert (ask(base_url), ask(base_url), ask(base_url)) == (200, 200, 200)
        proxy._process.send_signal(number)
        assert proxy.status() == 0
        assert f"3 exchanges recorded in {pattern}, 3 files." in proxy.output
    assert [len(list(read_exchanges(file))) for file in sorted(tmp_path.iterdir())] == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--rotate-size", "100MB", "all.jsonl"],
            "--rotate-size: path is 'all.jsonl', one name for several files; put",
        ),
        (["--rotate-age", "1h", "all.jsonl"], "--rotate-age: path is 'all.jsonl'"),
        (["--rotate-keep", "3", "all-{time}.jsonl"], "--rotate-keep: there is one file where nothing rotates; give"),
    ],
)
def test_rotation_needs_names(arguments: list[str], said: str, run_shim: RunShim) -> None:
    """A rotation without `{time}` in the file's name, or with nothing that rotates, is refused with what to give."""
    ran = run_shim("record", "--upstream", "http://h", *arguments)
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert said in ran.err


def test_the_defaults_are_the_proxys() -> None:
    """What the options default to is what the proxy itself does."""
    arguments = parse(["record", "--upstream", "https://h", "all.jsonl"])
    settings = ProxySettings()
    for name in ("ca_file", "timeout", "max_connections", "max_body", "allow_remote"):
        assert getattr(arguments, name) == getattr(settings, name)


@pytest.mark.slow
def test_quiet_prints_no_lines(tmp_path: Path, server: FakeOpenAI) -> None:
    """With --quiet nothing is printed about an exchange, and a file that exists is added to."""
    file = tmp_path / "all.jsonl"
    for count in (1, 2):
        command = shim_command("record", "--quiet", "--upstream", server.base_url, str(file))
        with Running(command, environment()) as proxy:
            base_url = re.findall(r"http\S+/v1$", proxy.expect("Ctrl-C"), re.MULTILINE)[0]
            assert ask(base_url) == 200
            proxy.interrupt()
            assert (proxy.status(), proxy.errors()) == (0, "")
        assert len(list(read_exchanges(file))) == count


@pytest.mark.slow
def test_a_full_disk_is_told(server: FakeOpenAI) -> None:
    """What could not be written is counted with the reason, the traffic goes on, and the status is 1."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with Running(shim_command("record", "--upstream", server.base_url, "/dev/full"), environment()) as proxy:
        base_url = re.findall(r"http\S+/v1$", proxy.expect("Ctrl-C"), re.MULTILINE)[0]
        assert ask(base_url) == 200
        proxy.interrupt()
        assert proxy.status() == 1
        assert "1 exchange not recorded; the first because: No space left on device." in proxy.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--upstream", "api.openai.com"], "--upstream: it does not begin with http:// or https:// and a host; give"),
        (["--upstream", "https://h", "--listen", "x"], "--listen: 'x' is no address; give HOST:PORT"),
        (["--upstream", "https://h", "--listen", "0.0.0.0:0"], "--allow-remote"),
        (["--upstream", "https://h", "--listen", "192.0.2.1:0", "--allow-remote"], "give another --listen"),
        (["--upstream", "https://h", "--ca-file", "/nowhere.pem"], "--ca-file: cannot read /nowhere.pem"),
        (["--upstream", "https://h", "--ca-file", __file__], "holds no certificates; give a PEM file"),
        (["--upstream", "https://h", "--redact", "nonsense"], "--redact: "),
    ],
)
def test_it_says_why_it_does_not_start(arguments: list[str], said: str, run_shim: RunShim, tmp_path: Path) -> None:
    """A wrong option ends with status 2 and one line that names it and says what to do."""
    ran = run_shim("record", *arguments, str(tmp_path / "all.jsonl"))
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


def test_a_taken_port_is_named(run_shim: RunShim, tmp_path: Path) -> None:
    """A port in use ends with status 2, its address, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = run_shim("record", "--upstream", "https://h", "--listen", address, str(tmp_path / "all.jsonl"))
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert f"cannot listen on {address}: Address already in use; give another --listen" in ran.err


def test_a_file_that_cannot_be_written_is_named(run_shim: RunShim, tmp_path: Path) -> None:
    """A file in a folder that is not there ends with status 2 and its name."""
    file = tmp_path / "none" / "all.jsonl"
    ran = run_shim("record", "--upstream", "https://h", str(file))
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert f"cannot write to {file}: No such file or directory" in ran.err


def test_the_package_it_needs_is_named(tmp_path: Path) -> None:
    """Without h11 the extra to install is named, and nothing else is said."""
    arguments = ["record", "--upstream", "https://h", str(tmp_path / "all.jsonl")]
    without = f"import sys; sys.modules['h11'] = None; from shim.cli import main; sys.exit(main({arguments!r}))"
    ran = run([sys.executable, "-c", without], environment())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "shim: record needs h11: pip install 'legacy-openai-shim[cli]'\n"
