"""Tests of TLS and HTTP/2: whose word is trusted, client certificates, and many streams on one connection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import certifi
import pytest

from shim.model import ErrorCategory, InvalidRequestError
from shim.native.http_multi import HttpMulti
from shim.native.settings import HttpSettings
from shim.testing.fake_openai import Cut, FakeOpenAI, Paced
from tests.helpers.driving import Heard, arrive, ask, drive, start
from tests.helpers.providers import Make


def test_a_certificate_is_trusted_by_the_file_given(make: Make) -> None:
    """With the CA's file the server is trusted, streamed or not, and the connection is used again."""
    with FakeOpenAI(tls=True) as server, make(server.base_url, ca_file=server.ca_file) as provider:
        assert [ask(provider, stream=stream).completion.ok for stream in (True, False)] == [True, True]
        assert server.connections_opened == 1


def test_a_certificate_nobody_vouches_for_is_refused(make: Make) -> None:
    """By default certifi's file decides; a server it does not know is an error that says so, and is not worth another try."""
    assert certifi.where() in HttpMulti(HttpSettings())._options.values()
    with FakeOpenAI(tls=True) as server, make(server.base_url) as provider:
        error = ask(provider).error
    assert (error.category, error.retryable) == (ErrorCategory.PROTOCOL, False)
    assert "certificate" in error.message


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_names_whom_to_trust(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A company's CA that requests or curl is told of is trusted here too; a file that is given decides alone."""
    with FakeOpenAI(tls=True) as server:
        monkeypatch.setenv(name, server.ca_file)
        with make(server.base_url) as provider:
            assert ask(provider).completion.ok
        with make(server.base_url, ca_file=certifi.where()) as provider:
            assert ask(provider).error.category is ErrorCategory.PROTOCOL


def test_certificates_the_environment_names_in_vain(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that is not there is refused by the variable's name, as requests does; OpenSSL's variable is passed over."""
    with FakeOpenAI(tls=True) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with make(server.base_url) as provider:
            assert ask(provider).error.category is ErrorCategory.PROTOCOL
        monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(InvalidRequestError, match="CURL_CA_BUNDLE in the environment"):
            make(server.base_url)
        with make(server.base_url, verify=False) as provider:
            assert ask(provider).completion.ok


def test_verification_may_be_turned_off(make: Make) -> None:
    """With `verify=False` any certificate will do."""
    with FakeOpenAI(tls=True) as server, make(server.base_url, verify=False) as provider:
        assert ask(provider).completion.ok


def test_a_client_certificate_is_shown(make: Make) -> None:
    """A server that asks for a certificate gets it; without one it refuses, which its alert tells where no reset overtakes it."""
    with FakeOpenAI(tls=True, client_certificate=True) as server:
        files = {"client_cert": server.client_cert_file, "client_key": server.client_key_file}
        with make(server.base_url, ca_file=server.ca_file, **files) as provider:
            assert ask(provider, stream=True).completion.ok
        with make(server.base_url, ca_file=server.ca_file) as provider:
            assert ask(provider).error.category in (ErrorCategory.PROTOCOL, ErrorCategory.NETWORK)


@pytest.mark.parametrize("name", ["ca_file", "client_cert"])
def test_a_file_that_holds_no_certificate_is_a_named_error(make: Make, tmp_path: Path, name: str) -> None:
    """A file that is not PEM ends each request with an error, in time."""
    file = tmp_path / "no.pem"
    file.write_text("no certificate")
    with FakeOpenAI(tls=True) as server, make(server.base_url, **{name: str(file)}) as provider:
        error = ask(provider).error
    assert (error.category, error.retryable) == (ErrorCategory.PROTOCOL, False)
    assert "certificate" in error.message.lower() or "no.pem" in error.message


def test_a_connection_cut_without_the_close_of_tls_is_truncated(make: Make) -> None:
    """A stream whose connection ends early over TLS is truncated and keeps its text."""
    with FakeOpenAI(tls=True) as server, make(server.base_url, ca_file=server.ca_file) as provider:
        server.plan(Cut(after_events=3))
        heard = ask(provider, stream=True)
    assert heard.error.category is ErrorCategory.TRUNCATED
    assert heard.error.partial is not None


def many(make: Make, *, offered: bool, wanted: bool, **settings: int) -> int:
    """Run thirty paced streams at once; how many connections that took."""
    with (
        FakeOpenAI(tls=True, http2=offered) as server,
        make(server.base_url, ca_file=server.ca_file, http2=wanted, **settings) as provider,
    ):
        server.plan(*[Paced(events=5, per_second=50)] * 30)
        heard: list[Heard] = [start(provider, stream=True) for _ in range(30)]
        drive(provider, lambda: all(each.done for each in heard))
        assert {each.response.text for each in heard} == {" word" * 5}
        return server.connections_opened


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, 2), ({"streams_per_connection": 30}, 1), ({"streams_per_connection": 8}, 4), ({"max_connections": 1}, 1)],
    ids=["twenty", "as many as there are", "eight", "one connection"],
)
def test_http2_carries_many_streams_on_a_connection(make: Make, settings: dict[str, int], expected: int) -> None:
    """Thirty streams started at once over HTTP/2 share connections, twenty on each or as many as the settings say."""
    assert many(make, offered=True, wanted=True, **settings) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("offered", "wanted"), [(False, True), (True, False)], ids=["not offered", "not wanted"])
def test_without_http2_each_stream_has_its_connection(make: Make, *, offered: bool, wanted: bool) -> None:
    """Where HTTP/2 is not offered, or turned off, each stream has a connection, but for one that began when another ended."""
    assert many(make, offered=offered, wanted=wanted) > 20


def test_a_stream_that_ends_early_over_http2_leaves_the_others(make: Make) -> None:
    """One stream cut by its server is an error of its own; those beside it on the connection end well."""
    with (
        FakeOpenAI(tls=True, http2=True) as server,
        make(server.base_url, ca_file=server.ca_file) as provider,
    ):
        server.plan(Cut(after_events=2))
        broken = start(provider, stream=True)
        arrive(provider, server, 1)
        others = [start(provider, stream=True) for _ in range(5)]
        drive(provider, lambda: broken.done and all(each.done for each in others))
        assert not broken.completion.ok
        assert all(each.completion.ok for each in others)
        assert server.connections_opened == 1


ASKING = """
import sys
from shim.native import NativeProvider
from shim.loops import select_loop
from shim.model import ModelRequest, user
provider = NativeProvider(api_key="k", base_url="https://127.0.0.1:9/v1", client_cert=sys.argv[1], client_key=sys.argv[2])
provider.start_request(ModelRequest("m", (user("x"),)), print)
select_loop.run(provider)
"""


@pytest.mark.slow
def test_an_encrypted_key_asks_nobody(tmp_path: Path) -> None:
    """A client key that needs a passphrase is an error; no terminal is asked for it."""
    pytest.importorskip("cryptography", reason="makes the key")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "key.pem"
    locked = serialization.BestAvailableEncryption(b"passphrase")
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    command = [sys.executable, "-c", ASKING, certifi.where(), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - our own interpreter
    assert "network" in run.stdout
