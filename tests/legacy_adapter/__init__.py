"""Tests of the legacy adapter: the real legacy client and a real server under the provider interface."""
