"""A recording reverse proxy, for clients that cannot be reached into: whatever speaks HTTP/1.1 can be recorded.

Not the tap, which records in the process of the client (`shim.recording`). It needs h11, the extra `cli`.

    with ExchangeWriter(path) as writer, RecordingProxy(Upstream.parse("https://api.openai.com/v1"), writer.write) as proxy:
        ...let clients call proxy.base_url...
"""

try:
    import h11 as _h11  # noqa: F401 - asked for here, so that the parts need not say what to install
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"the recording proxy needs {missing.name}: pip install 'legacy-openai-shim[cli]'", name=missing.name
    ) from None

from shim.recording.proxy.listen_address import Address
from shim.recording.proxy.passed import Passed
from shim.recording.proxy.server import ProxyCounts, ProxySettings, RecordingProxy
from shim.recording.proxy.upstream import Upstream

__all__ = ["Address", "Passed", "ProxyCounts", "ProxySettings", "RecordingProxy", "Upstream"]
