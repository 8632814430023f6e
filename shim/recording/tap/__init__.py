"""The tap: hears what a `requests.Session` sends and what comes back, in the process of the client, and changes neither.

Not the making of exchanges (`shim.recording.recorder`) nor the proxy for clients out of reach (`shim.recording.proxy`). It
listens below the response (`socket_file`), or stands in for its raw body (`response_body`) where that cannot be.
"""
