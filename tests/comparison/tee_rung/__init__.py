"""Tests of the tee rung."""
