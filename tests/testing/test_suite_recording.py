"""Tests of the recording of a suite: each exchange with its test, two runs compared, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests  # noqa: F401 - here already: each run forgets what it imported first, and half of requests would stay

from shim.comparison import read_exchanges
from shim.testing.fake_openai import FakeOpenAI
from tests.comparison.two_recordings.asked import ask, recording

pytest_plugins = ("pytester",)

SUITE = """
import json, os, urllib.request
import requests

KEY = {"Authorization": "Bearer x"}

def body(question, **fields):
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}], **fields}

def test_by_requests(shim_base):
    with requests.Session() as session:
        session.headers.update(KEY)
        answer = session.post(f"{shim_base}/chat/completions", json=body("one", temperature=0.5))
    assert answer.json()["choices"]
    assert requests.get(f"{shim_base}/models", headers=KEY).ok

def test_by_another(shim_base, shim_recorded):
    request = urllib.request.Request(
        f"{shim_recorded(shim_base)}/chat/completions",
        data=json.dumps(body("two", **FIELDS)).encode(),
        headers={**KEY, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["choices"]

def test_by_requests_through_a_proxy(shim_base, shim_recorded):
    assert requests.post(f"{shim_recorded(shim_base)}/chat/completions", json=body("three"), headers=KEY).ok
"""
CONFTEST = """
import pytest

@pytest.fixture
def shim_base():
    return {base!r}
"""


@pytest.fixture(autouse=True)
def _only_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugin by entry point, this one included: the tests load it by name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The address of a loopback server."""
    with FakeOpenAI() as server:
        yield server.base_url


def run(pytester: pytest.Pytester, base: str, *arguments: str, fields: str = "{}") -> pytest.RunResult:
    """Run the suite; `fields` are what one test adds to its request."""
    pytester.makeconftest(CONFTEST.format(base=base))
    pytester.makepyfile(test_it=SUITE.replace("**FIELDS", f"**{fields}"))
    return pytester.runpytest_inprocess("-p", "shim.testing.pytest_plugin", *arguments)


def test_each_exchange_has_its_test(pytester: pytest.Pytester, base: str) -> None:
    """What goes through requests, and what another client sends through the proxy, is recorded once, with its test."""
    result = run(pytester, base, "--shim-record", "control.jsonl")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["*shim: recording*", "recorded in *control.jsonl; run the suite with the other client*"]
    )
    found = list(read_exchanges(pytester.path / "control.jsonl"))
    assert sorted(each.context["test"] for each in found) == [
        "test_it.py::test_by_another",
        "test_it.py::test_by_requests",
        "test_it.py::test_by_requests_through_a_proxy",
    ]


def test_a_run_that_recorded_nothing_says_so(pytester: pytest.Pytester) -> None:
    """A run whose clients nothing hears (httpx, say) is told that its recording is empty, and what to do."""
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess("-p", "shim.testing.pytest_plugin", "--shim-record", "control.jsonl")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["nothing was recorded in *control.jsonl: *the fixture shim_recorded returns"])


def test_without_the_option_nothing_is_recorded(pytester: pytest.Pytester, base: str) -> None:
    """Without the option the suite runs as ever, and the fixture gives the address back."""
    run(pytester, base).assert_outcomes(passed=3)
    assert not list(pytester.path.glob("*.jsonl"))


def test_two_runs_that_are_alike(pytester: pytest.Pytester, base: str) -> None:
    """A second run that asks the same is compared with the first, and passes."""
    run(pytester, base, "--shim-record", "control.jsonl")
    result = run(pytester, base, "--shim-record", "candidate.jsonl", "--shim-control", "control.jsonl")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*shim: two runs*", "3 pairs, 0 that differ, 0 of the control's and 0 of this run's*"])


def test_two_runs_that_differ(pytester: pytest.Pytester, base: str) -> None:
    """A second run whose client asks otherwise fails with the difference, although each test passes."""
    run(pytester, base, "--shim-record", "control.jsonl", fields="{'top_p': 0.5}")
    result = run(pytester, base, "--shim-record", "candidate.jsonl", "--shim-control", "control.jsonl")
    result.assert_outcomes(passed=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  body.top_p", "    candidate  (absent)", "3 pairs, 1 that differ*"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--shim-record", "full.jsonl"), "*full.jsonl holds a recording already; give another name, or remove it*"),
        (("--shim-record", "none/x.jsonl"), "*none/x.jsonl cannot be written*"),
        (("--shim-control", "full.jsonl"), "*give --shim-record FILE, too*"),
        (("--shim-record", "new.jsonl", "--shim-control", "none.jsonl"), "*none.jsonl is no file*"),
    ],
)
def test_what_cannot_be_is_refused(
    pytester: pytest.Pytester, base: str, *, arguments: tuple[str, ...], said: str
) -> None:
    """A recording that is there already, a place that cannot be written, and half of the options end the run at once."""
    recording(pytester.path / "full.jsonl", ask())
    result = run(pytester, base, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_runs_of_other_suites_are_not_compared(pytester: pytest.Pytester, base: str, tmp_path: Path) -> None:
    """A control of other tests fails the run, and why is said."""
    other = recording(tmp_path / "other.jsonl", ask("elsewhere"))
    result = run(pytester, base, "--shim-record", "candidate.jsonl", "--shim-control", other)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["the runs cannot be compared: no exchange of the control has a partner*"])


@pytest.mark.slow
def test_workers_record_into_one_file(pytester: pytest.Pytester, base: str) -> None:
    """Under pytest-xdist the exchanges of all workers are in the one file, and the controller compares."""
    run(pytester, base, "--shim-record", "control.jsonl")
    arguments = ("-p", "xdist.plugin", "-n", "2", "--shim-record", "candidate.jsonl", "--shim-control", "control.jsonl")
    result = pytester.runpytest_subprocess("-p", "shim.testing.pytest_plugin", *arguments, timeout=18)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["3 pairs, 0 that differ*"])
