"""Tests of shim.loops."""
