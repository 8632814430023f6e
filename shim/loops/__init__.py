"""Ways to drive any provider: `select_loop` for plain programs, `asyncio_loop` for asyncio.

Nothing is imported here: each loop brings in what it needs, and importing `shim` stays cheap. A loop of your own needs only
`Provider.fileno()`, `timeout()`, `perform()` and `info_read()`.
"""
