"""Tests of the upgrades."""
