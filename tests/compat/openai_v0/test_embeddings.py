"""Tests of embeddings: decoded with numpy, and what is said where a library is missing."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from shim.compat.openai_v0.datalib import numpy_helper
from shim.compat.openai_v0.datalib.available import is_available
from shim.compat.openai_v0.datalib.common import MissingDependencyError
from tests.helpers.loopback import Loopback


def test_embeddings_are_decoded(openai: Any, loopback: Loopback) -> None:
    """Embeddings are asked for as base64, and come as lists of floats."""
    pytest.importorskip("numpy")
    openai.api_base = f"{loopback.url}/s/embedding/v1"
    told = openai.Embedding.create(model="ada", input="x")
    assert told["data"][0]["embedding"] == [0.5, -1.25, 3.0]
    assert b'"encoding_format": "base64"' in loopback.received[0].body


def test_without_numpy_it_is_said(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numpy the error names it and how to get it; told to send floats, none is needed."""
    openai.api_base = f"{loopback.url}/s/embedding/v1"
    monkeypatch.setattr(numpy_helper, "HAS_NUMPY", False)
    with pytest.raises(MissingDependencyError, match=r"numpy[\s\S]*embeddings\]"):
        openai.Embedding.create(model="ada", input="x")
    openai.Embedding.create(model="ada", input="x", encoding_format="float")


def test_embeddings_utils_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing `embeddings_utils` without its libraries is an error that names each that is missing."""
    monkeypatch.setitem(sys.modules, "tenacity", None)
    monkeypatch.delitem(sys.modules, "shim.compat.openai_v0.embeddings_utils", raising=False)
    assert not is_available("tenacity")
    with pytest.raises(MissingDependencyError, match="tenacity"):
        importlib.import_module("shim.compat.openai_v0.embeddings_utils")
