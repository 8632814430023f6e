"""Runs the command line as `python -m shim.cli`, as `python -m shim` does.

Not the commands themselves (`shim.cli.main`).
"""

import sys

from shim.cli import main

sys.exit(main())
