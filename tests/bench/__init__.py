"""Tests of the bench: its tables, its data and its scripts; nothing is measured, nothing is installed."""
