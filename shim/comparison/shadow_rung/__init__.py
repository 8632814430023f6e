"""The shadow rung: a sample of requests is asked a second time by the candidate, and only statistics are compared.

Not the exact rungs (`wire_rung`, `tee_rung`), which ask the API nothing. `shadow_comparison` is the way in.
"""
