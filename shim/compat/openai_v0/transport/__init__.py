"""How requests leave: chat through a provider, everything else, and what a provider cannot carry, through `requests`.

Not what is sent nor what an answer means, which is `shim.compat.openai_v0.api_requestor`. Blocking calls: `blocking`; async ones:
`asynchronous`. Which provider: `choice`.
"""
