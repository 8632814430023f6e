"""Tests of what the fake server does as Azure does it."""
