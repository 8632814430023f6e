"""Live comparison: both rungs beside production traffic, off its path.

Not recorded files (`shim.comparison.runs`). `comparison` takes exchanges in, `experiment` wraps a provider.
"""
