"""Tests of what is done to recordings."""
