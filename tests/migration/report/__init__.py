"""Tests of the report of a rollout."""
