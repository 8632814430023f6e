"""Tests that what the legacy client cannot honour is refused by name: habits of a session, endpoints of Azure's kind."""

from __future__ import annotations

import re

import pytest
import requests

from shim.legacy_adapter import LegacyProvider
from shim.model import UnsupportedFeatureError
from shim.provider import CallOptions, Endpoint
from tests.helpers.driving import HELLO


def hooked() -> requests.Session:
    """A session with a hook that reads each answer."""
    session = requests.Session()
    session.hooks["response"].append(lambda response, *_given, **_named: response)
    return session


def authorized() -> requests.Session:
    """A session that authorizes by itself."""
    session = requests.Session()
    session.auth = ("user", "password")
    return session


@pytest.mark.parametrize(("make", "place"), [(hooked, r"session\.hooks\['response'\]"), (authorized, r"session\.auth")])
def test_a_session_whose_habits_would_be_lost_is_refused(make: object, place: str) -> None:
    """A session with auth or response hooks is refused when it is given, with the way out, and when they are set later."""
    made = make()  # type: ignore[operator]  # one of the two above
    with made as session, pytest.raises(UnsupportedFeatureError, match=f"{place} is set") as caught:
        LegacyProvider(api_key="k", session=session)
    assert "password" not in str(caught.value)
    assert re.fullmatch(place, caught.value.field or "")
    with requests.Session() as session, LegacyProvider(api_key="k", session=session) as provider:
        session.hooks, session.auth = made.hooks, made.auth
        with pytest.raises(UnsupportedFeatureError, match=place):
            provider.start_request(HELLO, print)


@pytest.mark.parametrize(
    ("endpoint", "part"),
    [
        (Endpoint.azure("mine", "gpt", api_version="V"), "deployment"),
        (Endpoint("https://h/v1", auth="api-key"), "auth"),
        (Endpoint("https://h/v1", query={"a": "b"}), "query"),
    ],
)
def test_an_endpoint_it_cannot_carry_is_refused(endpoint: Endpoint, part: str) -> None:
    """Deployments, the api-key header and parameters are refused by name, given to the provider or to a call."""
    with pytest.raises(UnsupportedFeatureError, match=rf"endpoint\.{part} cannot be carried"):
        LegacyProvider(api_key="k", endpoint=endpoint)
    with LegacyProvider(api_key="k") as provider:
        with pytest.raises(UnsupportedFeatureError, match="use kind 'native'") as caught:
            provider.start_request(HELLO, print, options=CallOptions(endpoint=endpoint))
        assert caught.value.field == f"options.endpoint.{part}"
