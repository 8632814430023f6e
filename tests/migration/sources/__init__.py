"""Tests of the sources of a policy."""
