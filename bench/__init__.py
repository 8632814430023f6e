"""The bench: this project's clients measured side by side against real peers, on this machine, in one run.

Not a test: nothing passes or fails here. Every client runs in a process of its own against one loopback server in another;
the figure is CPU (user and system) of the client's process per streamed event. Peers live in environments of their own,
made on demand below `.bench/`.
"""
