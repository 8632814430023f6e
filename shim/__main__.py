"""Runs the command line as `python -m shim`.

Not the commands themselves (`shim.cli.main`).
"""

import sys

from shim.cli import main

sys.exit(main())
