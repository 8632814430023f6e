"""Tests of `shim.comparison.shadow_rung`."""
