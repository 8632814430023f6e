"""Tests of what recordings hold."""
