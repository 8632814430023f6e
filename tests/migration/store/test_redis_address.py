"""Tests of a Redis server's URL: what is read from it, what is refused, and that nobody sees the password."""

from __future__ import annotations

from typing import Any

import pytest

from shim.migration.store import (
    RedisStore,
)
from shim.migration.store.redis_address import parse
from tests.migration.store.made import chain


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (7, "url is of type int"),
        (b"redis://h", "url is of type bytes"),
        ("", "begins with none of redis://"),
        ("http://:geheim@h", "begins with none of redis://"),
        ("redis://:ge/heim@h:6379", "cannot be read"),
        ("redis://:geheim@h:port", "cannot be read"),
        ("redis://:geheim@h:99999", "cannot be read"),
        ("redis://:geheim@[::1", "cannot be read"),
        ("redis://:ge#heim@h", "cannot be read"),
        ("redis://:geheim@h/0#x", "has a # in it"),
        ("redis://:geheim@", "names no host"),
        ("unix://", "names no path"),
        ("redis://:geheim@h/geheim", "a database that is no number"),
        ("redis://:geheim@h/0?db=x", "a database that is no number"),
        ("redis://h/0?password=geheim", "an option behind its [?] that is not known"),
        ("redis://h/0?socket_timeout=100", "an option behind its [?] that is not known"),
        ("redis://h/0?ssl_cert_reqs=none", "an option behind its [?] that is not known"),
    ],
)
def test_a_bad_url_is_refused_without_being_shown(url: Any, words: str) -> None:
    """A URL that cannot be used is refused with the remedy, and nothing of a password in it hangs on the error."""
    with pytest.raises((TypeError, ValueError), match=words) as raised:
        RedisStore(url)
    assert "heim" not in chain(raised.value)


def test_addresses_are_read() -> None:
    """User, password, host, port, database and options are taken from a URL, unescaped, and only the place is shown."""
    found = parse("rediss://ann:p%40ss@[::1]:7000/3?ssl_cert_reqs=none")
    assert found.options == {
        "username": "ann",
        "password": "p@ss",
        "host": "::1",
        "port": 7000,
        "db": 3,
        "ssl_cert_reqs": "none",
    }
    assert found.shown == "rediss://[::1]:7000/3"
    assert repr(found) == "<RedisAddress rediss://[::1]:7000/3>"
    assert parse("redis://h").options == {"host": "h", "port": 6379, "db": 0}


def test_the_address_of_a_socket_file_is_read() -> None:
    """Of a server on a socket file path, password and database are taken, unescaped, and the path alone is shown."""
    found = parse("unix://:p%40ss@/run/my%20redis.sock?db=2")
    assert found.options == {"password": "p@ss", "path": "/run/my redis.sock", "db": 2}
    assert found.shown == "unix:///run/my%20redis.sock"
    assert parse("unix:///run/redis.sock").options == {"path": "/run/redis.sock", "db": 0}
