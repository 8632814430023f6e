"""Migration: moving traffic from the control to the candidate, and the changes a request needs on the way.

Not the proof that both ask and read the same (`shim.comparison`).
"""
