"""Tests of `shim.wire.chat`."""
