"""The wire rung: the candidate must send the request that the control sent.

Not the tee rung (`shim.comparison.tee_rung`). `compare_tee` holds `compare_wire`; the rest is what counts as the same request.
"""
