"""Tests of what goes wrong on the way, through the legacy adapter: sockets, time limits, every error body."""
