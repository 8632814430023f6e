"""Tests of `shim.model`."""
