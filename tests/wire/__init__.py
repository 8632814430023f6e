"""Tests of `shim.wire`: the codecs, one file per module."""
