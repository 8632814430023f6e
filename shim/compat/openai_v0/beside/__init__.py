"""Beside the real openai 0.28: it stays, and a rollout moves chat calls one by one.

Not the surface of openai 0.28 (`shim.compat.openai_v0`), which is used where the real one is not there. Here the real library
makes every request and reads every answer; only what carries a request in between is chosen, in `APIRequestor.request_raw` and
`arequest_raw`. So whatever a program imports, stores, subclasses or patches of the library is the real thing.
"""
