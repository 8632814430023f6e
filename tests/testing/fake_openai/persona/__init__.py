"""Tests of what the fake server says in place of a model."""
