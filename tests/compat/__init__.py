"""Tests of the drop-ins."""
