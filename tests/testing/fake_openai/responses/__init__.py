"""Tests of the Responses API of the fake server, one file for each of its modules."""
