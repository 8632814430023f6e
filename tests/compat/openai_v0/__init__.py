"""Tests of openai 0.28 in its place, and what was measured of the real one to hold it to."""
