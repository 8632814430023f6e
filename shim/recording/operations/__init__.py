"""What is done to files of recorded exchanges after they were written: split, merged, redacted; bounded in memory.

Not their writing while traffic passes (`shim.recording.sinks`, `shim.recording.rotation`), nor what they hold, counted and chosen
(`shim.comparison.recordings`). `entries` reads, `new_recording` writes, `splitting`, `merging` and `redacting` stand between.
"""
