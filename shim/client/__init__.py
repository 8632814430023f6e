"""The client: ask a model and get its answer, whole or as a stream. What most people use.

Not a provider (`shim.provider`) but what makes and drives them: `blocking` for threads, `asynchronous` for event loops;
`pool` and `loop_providers` are their machinery.
"""

from shim.client.asynchronous import AsyncClient, AsyncResponseStream
from shim.client.blocking import Client, ResponseStream
from shim.client.pool import ClientClosedError

__all__ = ["AsyncClient", "AsyncResponseStream", "Client", "ClientClosedError", "ResponseStream"]
