"""Tests of the legacy client's face over any provider."""
