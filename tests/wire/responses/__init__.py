"""Tests of the Responses codec: each file mirrors one of `shim.wire.responses`."""
