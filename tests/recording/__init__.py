"""Tests of recording: exchanges, recorders, sinks and files."""
