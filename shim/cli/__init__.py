"""The command line: `shim chat`, `shim fake-server`, `shim demo`, `shim record`, `shim compare`.

Not where anything is done: each module here parses, calls what the package exports, and prints. The commands' options are in
`shim.cli.arguments`; `main` is the way in of the `shim` script and of `python -m shim`.
"""

from shim.cli.main import main

__all__ = ["main"]
