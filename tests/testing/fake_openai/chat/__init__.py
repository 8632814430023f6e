"""Tests of Chat Completions on the fake server, one file for each of its modules."""
