"""Tests of `shim.model.errors`: one category, one class, and nothing lost on the way through a pickle."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from msgspec import UNSET

import shim.model as model
from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    InvalidRequestError,
    MissingCredentialsError,
    ModelResponse,
    ProviderError,
    RateLimitError,
    ShimError,
    TextPart,
    ToolCallPart,
    UnsupportedFeatureError,
)
from shim.model.headers import Headers
from shim.provider import ProviderClosedError

CLASSES = {
    "auth": "AuthenticationError",
    "permission": "PermissionDeniedError",
    "rate_limit": "RateLimitError",
    "quota": "QuotaExceededError",
    "invalid_request": "BadRequestError",
    "not_found": "NotFoundError",
    "server": "InternalServerError",
    "timeout": "APITimeoutError",
    "content_filter": "ContentFilterError",
    "network": "APIConnectionError",
    "truncated": "TruncatedError",
    "protocol": "ProtocolError",
    "cancelled": "RequestCancelledError",
    "aborted": "StreamAbortedError",
    "unknown": "UnknownProviderError",
}
RETRYABLE = {"rate_limit", "server", "timeout", "network", "truncated"}
PARTIAL = ModelResponse(
    id="chatcmpl-1",
    model="gpt-4o-mini",
    choices=(Choice(0, (TextPart("Hel"), ToolCallPart("call_1", "look", '{"a"')), finish_reason=FinishReason.LENGTH),),
    extra={"provider": "somebody", "gone": UNSET},
)
ATTRIBUTES: dict[str, Any] = {
    "http_status": 418,
    "code": "teapot",
    "type": "kettle_error",
    "param": "messages[0]",
    "request_id": "req_1",
    "retry_after_ms": 1500,
    "body": b'{"error": "short and stout"}',
    "partial": PARTIAL,
    "headers": Headers({"Retry-After": "2"}),
}


def through_pickle(error: ShimError) -> Any:
    """The error after a pickle and back."""
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - the bytes were made one call before


def test_every_category_has_a_class() -> None:
    """No category is without its class in this table."""
    assert set(CLASSES) == {category.value for category in ErrorCategory}


@pytest.mark.parametrize("category", CLASSES)
def test_the_category_picks_the_class(category: str) -> None:
    """Constructing the base class yields the subclass of the category, whether given as a string or a member."""
    expected = getattr(model, CLASSES[category])
    assert type(ProviderError(category, "it failed")) is expected
    assert type(ProviderError(ErrorCategory(category), "it failed")) is expected


@pytest.mark.parametrize("category", CLASSES)
def test_a_category_is_caught_by_its_class(category: str) -> None:
    """An `except` clause of the subclass catches what the base class was asked to make."""
    with pytest.raises(getattr(model, CLASSES[category])) as caught:
        raise ProviderError(category, "it failed")
    assert isinstance(caught.value, ProviderError)
    assert isinstance(caught.value, ShimError)


def test_a_subclass_stays_itself() -> None:
    """A subclass constructed by name is of that class and no other."""
    assert type(RateLimitError("rate_limit", "slow down")) is RateLimitError


def test_an_unknown_category_is_refused() -> None:
    """A category that does not exist is a ValueError, not an error of some category."""
    with pytest.raises(ValueError, match="weather"):
        ProviderError("weather", "it rains")


@pytest.mark.parametrize("category", CLASSES)
def test_provider_errors_pickle(category: str) -> None:
    """Every attribute, the partial response included, survives a pickle."""
    before = ProviderError(category, "it failed", **ATTRIBUTES)
    after = through_pickle(before)
    assert type(after) is type(before)
    assert vars(after) == vars(before) == {"category": category, "message": "it failed"} | ATTRIBUTES
    assert (str(after), repr(after), after.args, after.retryable) == (
        str(before),
        repr(before),
        before.args,
        before.retryable,
    )


@pytest.mark.parametrize("category", CLASSES)
def test_provider_errors_copy(category: str) -> None:
    """A shallow and a deep copy of an error say what it says."""
    error = ProviderError(category, "it failed", **ATTRIBUTES)
    for copied in (copy.copy(error), copy.deepcopy(error)):
        assert (type(copied), vars(copied)) == (type(error), vars(error))


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("n is of type str; give an integer", field="n"),
        UnsupportedFeatureError("n cannot be sent", field="n", api="responses"),
        MissingCredentialsError("no key was given"),
        ProviderClosedError("legacy"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_raised_at_once_pickle(error: ShimError) -> None:
    """An error raised before anything is sent survives a pickle with its words and attributes."""
    after = through_pickle(error)
    assert (type(after), str(after), vars(after)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("category", CLASSES)
def test_retryable_categories(category: str) -> None:
    """Only failures that may pass by themselves are worth another try."""
    assert ProviderError(category, "it failed").retryable is (category in RETRYABLE)


@pytest.mark.parametrize("status", [408, 409])
def test_retryable_statuses(status: int) -> None:
    """A request timeout and a conflict are retryable whatever category their body suggests."""
    assert ProviderError("unknown", "it failed", http_status=status).retryable
    assert not ProviderError("unknown", "it failed", http_status=status + 10).retryable


def test_str_tells_category_status_and_message() -> None:
    """The text of an error begins with its category and status, where it has one."""
    assert str(ProviderError("server", "it broke", http_status=500)) == "server (HTTP 500): it broke"
    assert str(ProviderError("network", "no route")) == "network: no route"


def test_repr_names_the_class() -> None:
    """The repr of an error names its class and quotes its text, and shows neither body nor partial."""
    error = ProviderError("rate_limit", "slow down", **ATTRIBUTES)
    assert repr(error) == "RateLimitError('rate_limit (HTTP 418): slow down')"


def test_categories_are_their_strings() -> None:
    """A category compares and prints as its string value."""
    assert {category.name: str(category) for category in ErrorCategory} == {
        category.name: category.value for category in ErrorCategory
    }
    assert list(ErrorCategory) == [category.value for category in ErrorCategory]


def test_request_errors_are_value_errors() -> None:
    """A request that cannot be sent is a ValueError too, and what an API cannot express is such a request."""
    error = UnsupportedFeatureError("n cannot be sent", field="n", api="responses")
    assert isinstance(error, InvalidRequestError)
    assert isinstance(error, ValueError)
    assert isinstance(error, ShimError)
    assert (error.field, error.api) == ("n", "responses")
