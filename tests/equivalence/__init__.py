"""Tests that the two providers are one: what the legacy adapter and the native provider send, hear and tell is the same."""
