"""One script per client measured: each streams what it is told to and prints one JSON line of what it cost.

Not imported by the bench: each runs in the environment of its own peer, with nothing else of this project but what it measures.
"""
