"""What recordings hold: what a file is about, the figures of its traffic, a choice of its exchanges; nothing is compared.

Not what is done to the files (`shim.recording.operations`) nor a run over them (`shim.comparison.runs`), whose histograms and
facts these are. Each takes one exchange at a time and stays the same size however many come.
"""
