"""Tests of the report: its texts, its geometry, its page in a real browser."""
