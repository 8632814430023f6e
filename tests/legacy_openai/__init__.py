"""Tests of the legacy client, one file for each of its modules, and two of the whole: faults and leaks."""
