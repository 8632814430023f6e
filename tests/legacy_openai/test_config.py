"""Tests of legacy_openai/config.py."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

from legacy_openai import Config
from tests.helpers.raw_server import KEY


def secret_config() -> Config:
    """A configuration with a key in every place that may hold one."""
    return Config(openai_api_key=KEY, openai_model="m", extra_headers={"api-key": KEY}, params={"seed": [1]})


def test_the_repr_shows_no_key() -> None:
    """Neither the key nor a header value appears in the repr."""
    assert KEY not in repr(secret_config())
    assert "seed" in repr(secret_config())


def test_a_pickle_holds_no_key() -> None:
    """A pickle holds no key, and what comes out of it has none, everything else unchanged."""
    data = pickle.dumps(secret_config())
    back = pickle.loads(data)  # noqa: S301 - made one line above
    assert KEY.encode() not in data
    assert back == replace(secret_config(), openai_api_key=None, extra_headers={})


def test_copies_keep_the_key_and_share_nothing_when_deep() -> None:
    """Copying within the process keeps the key, and a deep copy is independent."""
    config = secret_config()
    deep = copy.deepcopy(config)
    assert copy.copy(config) == config == deep
    assert deep.params is not config.params
    assert deep.params["seed"] is not config.params["seed"]


def test_the_defaults_are_the_documented_ones() -> None:
    """An empty configuration has the documented defaults."""
    config = Config()
    assert (config.openai_temperature, config.connect_timeout, config.read_timeout) == (0.7, 10.0, 600.0)
    assert config.openai_base_url == "https://api.openai.com/v1"
    assert config.openai_api_key is None
