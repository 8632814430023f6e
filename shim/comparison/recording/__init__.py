"""Recording: taps, what a recording is made of, what is taken out of it, and its files.

Not the comparing (`shim.comparison.wire`, `shim.comparison.tee`) nor the recording proxy (`shim.comparison.proxy`).
"""
