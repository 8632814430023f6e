"""Runs over recorded files: lines in, verdicts, tallies and reports out.

Not the comparing of one exchange (`shim.comparison.comparer`) nor the page (`shim.comparison.report`).
"""
