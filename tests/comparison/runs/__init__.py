"""Tests of runs over recorded files."""
