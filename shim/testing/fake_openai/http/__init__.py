"""How the fake server speaks HTTP: the server itself, its connections in HTTP/1.1 and HTTP/2, TLS, and faults on the way.

Not what is answered (`fake_openai.api`) nor what may be planned (`fake_openai.behaviours`). A request walks through
`server`, `accepted_connection` and `http1` or `http2`; its answer through `framing`, `faults` and `player`.
"""
