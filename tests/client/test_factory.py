"""Tests of shim.factory."""

import functools
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import pytest

from shim.client import AsyncClient, Client
from shim.factory import create_provider, provider_maker
from shim.layers import DeadlineLayer
from shim.legacy_adapter import LegacyProvider
from shim.model import InvalidRequestError
from shim.native import NativeProvider
from shim.provider import Deadlines, Provider
from shim.testing.scripted import ScriptedProvider, hang


def make(*, flavour: str, strength: int = 1) -> Provider:
    """A provider that needs a setting."""
    return ScriptedProvider([hang()], name=f"{flavour}-{strength}")


def test_it_makes_the_legacy_provider() -> None:
    """Kind "legacy" is the adapter over the legacy client, with the settings it was given."""
    provider = create_provider("legacy", api_key="sk-test", name="old")
    assert isinstance(provider, LegacyProvider)
    assert provider.name == "old"
    provider.close()


def test_it_makes_what_a_callable_returns() -> None:
    """A callable kind is called with the settings."""
    provider = create_provider(make, flavour="mint", strength=2)
    assert provider.name == "mint-2"
    provider.close()


@pytest.mark.parametrize("kind", ["Native", "Legacy", ""])
def test_an_unknown_kind_is_named_with_those_there_are(kind: str) -> None:
    """A kind that does not exist is a ValueError that names it and the kinds available."""
    with pytest.raises(ValueError, match=f"no provider '{kind}'; give one of 'legacy'"):
        create_provider(kind)


def test_a_kind_of_the_wrong_kind_is_named() -> None:
    """A kind that is neither a name nor callable is a TypeError."""
    with pytest.raises(TypeError, match="of type NoneType; give one of 'legacy'"):
        create_provider(None)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    ("setting", "nearest"), [("apikey", "api_key"), ("base_uri", "base_url"), ("organisation", "organization")]
)
def test_an_unknown_setting_is_named_with_the_nearest(setting: str, nearest: str) -> None:
    """A misspelt setting is a TypeError that names it, the nearest known one, and all of them, but no value."""
    with pytest.raises(
        TypeError, match=rf"legacy has no setting '{setting}'; did you mean '{nearest}'\? .*api_key"
    ) as caught:
        provider_maker("legacy", {setting: "sk-secret"})()
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("setting", ["timeout", "max_retries"])
def test_settings_of_layers_that_do_not_exist_are_unknown(setting: str) -> None:
    """A setting nothing would obey is refused, not ignored."""
    with pytest.raises(TypeError, match=f"no setting '{setting}'"):
        provider_maker("legacy", {setting: 1})()


def test_a_missing_setting_is_named() -> None:
    """A setting the provider needs is a TypeError before anything is made."""
    with pytest.raises(TypeError, match=r"make: missing a required .*'flavour'"):
        provider_maker(make, {})


def test_a_callable_that_takes_anything_gets_anything() -> None:
    """A callable with `**settings` checks them itself."""

    def takes_all(**settings: str) -> Provider:
        return ScriptedProvider([hang()], name="-".join(settings))

    provider = create_provider(takes_all, one="1", two="2")
    assert provider.name == "one-two"
    provider.close()


def test_what_makes_providers_shows_no_setting() -> None:
    """The maker keeps the settings out of every repr, also for a kind that is a partial."""
    maker = provider_maker(functools.partial(make, strength=3), {"flavour": "sk-secret"})
    assert "sk-secret" not in repr(maker)
    provider = maker()
    assert provider.name == "sk-secret-3"
    provider.close()


def test_a_kind_is_imported_only_when_asked_for() -> None:
    """Importing the factory or the client imports neither the legacy client nor requests."""
    unwanted = "{'requests', 'legacy_openai', 'asyncio'}"
    code = f"import sys, shim.factory, shim.client; sys.exit(bool({unwanted} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own interpreter and code


def test_deadlines_add_a_layer_and_none_adds_nothing() -> None:
    """A provider made with deadlines keeps them; without, it is the provider itself."""
    with closing(create_provider("native", api_key="k", deadlines=Deadlines(total=5))) as layered:
        assert isinstance(layered, DeadlineLayer)
    with closing(create_provider("native", api_key="k")) as bare:
        assert isinstance(bare, NativeProvider)


@pytest.mark.parametrize("make", [create_provider, Client, AsyncClient])
def test_a_layers_setting_is_checked_at_once(make: Callable[..., object]) -> None:
    """What is no `Deadlines` is refused before any provider is made."""
    with pytest.raises(InvalidRequestError, match="deadlines is of type int; give Deadlines"):
        make("native", deadlines=30)
