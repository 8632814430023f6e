"""Tests of the options: what they take, and how a wrong value is named."""

from __future__ import annotations

import pytest

from shim.cli.arguments import parse
from tests.cli.conftest import RunShim


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("chat", "x", "--temperature", "hot"), "--temperature: 'hot' is not a number"),
        (("chat", "x", "--temperature", "nan"), "--temperature: 'nan' is not a number"),
        (("chat", "x", "--max-tokens", "0"), "--max-tokens: '0' is less than 1"),
        (("chat", "x", "--max-tokens", "many"), "--max-tokens: 'many' is not a whole number"),
        (("fake-server", "--port", "65536"), "--port: '65536' is no port"),
        (
            ("record", "--upstream", "http://127.0.0.1:1/v1", "s3://b/a?sig=x"),
            "FILE: s3://b/a is a URL; give a file on",
        ),
        (("run", "--record", "s3://b/a", "a.py"), "--record: s3://b/a is a URL; give a file on this machine"),
        (("compare", "a", "--html", "s3://b/a.html"), "--html: s3://b/a.html is a URL; give a file on this machine"),
        (("compare", "a", "--resume", "s3://b/a"), "--resume: s3://b/a is a URL; give a file on this machine"),
        (("fake-server", "--delay", "-1"), "--delay: '-1' is negative"),
    ],
)
def test_wrong_values_are_named(run_shim: RunShim, arguments: tuple[str, ...], named: str) -> None:
    """A value that cannot be used ends with status 2, the option's name and what is wrong with it."""
    ran = run_shim(*arguments)
    assert ran.status == 2
    assert named in ran.err


def test_defaults() -> None:
    """Without options `chat` reads standard input, asks gpt-4o-mini, and sets nothing else."""
    found = vars(parse(["chat"]))
    assert {name: value for name, value in found.items() if value is not None} == {
        "command": "chat",
        "prompt": "-",
        "model": "gpt-4o-mini",
        "json": False,
        "insecure_host": [],
    }


def test_no_option_takes_a_key() -> None:
    """`chat` has no option for the key, which every user of the machine could read in the list of processes."""
    with pytest.raises(SystemExit) as left:
        parse(["chat", "x", "--api-key", "sk-test"])
    assert left.value.code == 2
