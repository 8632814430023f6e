"""The recording proxy under the address it had first; programs that import it there go on working.

Not the proxy itself (`shim.recording.proxy`), which is where new code takes it from.
"""

from shim.recording.proxy import Address, Passed, ProxyCounts, ProxySettings, RecordingProxy, Upstream

__all__ = ["Address", "Passed", "ProxyCounts", "ProxySettings", "RecordingProxy", "Upstream"]
