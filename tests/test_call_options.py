"""Tests of shim.call_options: what one call may say of how it goes out."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest

from shim.call_options import CallOptions, Deadlines
from shim.endpoint import Endpoint
from shim.model import InvalidRequestError

NAMES = ("connect", "read", "first_event", "between_events", "total")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, math.nan, "3", True, b"3", 10**400])
def test_a_limit_is_a_number_of_seconds_above_zero(name: str, value: Any) -> None:
    """A limit that is none is refused by its name when it is made."""
    with pytest.raises(InvalidRequestError, match=rf"deadlines\.{name} is") as caught:
        Deadlines(**{name: value})
    assert caught.value.field == f"deadlines.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_may_be_infinite_or_left_open(name: str) -> None:
    """Infinity waits for ever, None leaves a limit to the provider."""
    assert getattr(Deadlines(**{name: math.inf}), name) == math.inf
    assert getattr(Deadlines(), name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("api_key", 7),
            ("api_key", b"sk"),
            ("endpoint", "https://h/v1"),
            ("deadlines", 3),
            ("deadlines", {"read": 1}),
        ),
        *(("idempotency_key", ""), ("idempotency_key", 7), ("idempotency_key", "a\r\nb"), ("idempotency_key", " a")),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_by_name(name: str, value: Any) -> None:
    """An option that cannot be one is an error that names it, when it is made."""
    with pytest.raises(InvalidRequestError, match=rf"options\.{name} is") as caught:
        CallOptions(**{name: value})
    assert caught.value.field == f"options.{name}"


def test_no_repr_and_no_pickle_holds_the_key() -> None:
    """The key is not shown, and options that hold one are not pickled; others are."""
    options = CallOptions(api_key="sk-secret-1", endpoint=Endpoint("https://h/v1"), deadlines=Deadlines(read=1))
    assert repr(options) == (
        "CallOptions(api_key=…, endpoint=Endpoint('https://h/v1'), deadlines=Deadlines(connect=None, read=1, "
        "first_event=None, between_events=None, total=None))"
    )
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(options)
    without = CallOptions(endpoint=Endpoint("https://h/v1"), idempotency_key="a")
    assert pickle.loads(pickle.dumps(without)) == without  # noqa: S301 - just made
