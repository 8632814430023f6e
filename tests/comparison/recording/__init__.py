"""Tests of recording: taps, redaction, files."""
