"""Stand-ins for a provider and for the API behind it, for tests, demos and benchmarks.

Not needed in production, and importing this package imports none of its parts: `fake_openai` is a loopback server
(it needs the extra `testing`), `fixtures` reads the recorded cases it can replay.
"""
