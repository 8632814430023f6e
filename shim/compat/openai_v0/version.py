"""The version that is spoken for: old code compares it, and servers see it in the User-Agent.

Not this project's own version, which is `shim.__version__`.
"""

VERSION = "0.28.1"
