"""One script per client measured: each does what it is told to and prints one JSON line of what it cost.

Not imported by the bench: each runs in the environment of its own peer, with nothing else of this project but what it measures.
A script reads its arguments before it imports the library it measures, so that it can say what is wrong without it.
"""
