"""A recording reverse proxy, for clients that cannot be reached into: whatever speaks HTTP/1.1 can be recorded.

Not the tap, which records in the process of the client (`shim.recording`). It needs h11, the extra `cli`.

    with ExchangeWriter(path) as writer, RecordingProxy(Upstream.parse("https://api.openai.com/v1"), writer.write) as proxy:
        ...let clients call proxy.base_url...
"""

from shim.recording.proxy.listen_address import Address
from shim.recording.proxy.passed import Passed
from shim.recording.proxy.server import ProxyCounts, ProxySettings, RecordingProxy
from shim.recording.proxy.upstream import Upstream

__all__ = ["Address", "Passed", "ProxyCounts", "ProxySettings", "RecordingProxy", "Upstream"]
