"""Tests of `shim.testing`."""
