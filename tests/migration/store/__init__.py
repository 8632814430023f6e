"""Tests of the stores: one contract over both, and what is each one's own."""
