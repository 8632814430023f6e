"""Tests of shim.client."""
