"""Tests of shim.comparison.two_recordings."""
