"""Tests of the wire rung."""
