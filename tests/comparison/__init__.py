"""Tests of the comparison: recordings, the two rungs, their verdicts and reports."""
