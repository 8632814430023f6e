"""The tee rung: the same recorded bytes, read by both sides, must be told the same.

Not the wire rung (`shim.comparison.wire_rung`). `compare_tee` holds `compare_tee`; `session_reader` and `codec_reader` are the
readers.
"""
