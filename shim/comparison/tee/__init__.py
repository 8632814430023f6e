"""The tee rung: the same recorded bytes, read by both sides, must be told the same.

Not the wire rung (`shim.comparison.wire`). `rung` holds `compare_tee`; `replay` and `codec_reader` are the readers.
"""
