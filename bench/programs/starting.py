"""`python -m bench.programs.starting MODE MODULE ARGS…`: a program as `python -m MODULE ARGS…`, on the openai of a mode.

Not the tasks (beside it). "real" installs nothing; "beside" and "instead" are the modes of `openai_v0.install`; "native" is
"instead" with chat on the native provider. When the program has ended, the last line of standard error says what it used.
"""

from __future__ import annotations

import atexit
import runpy
import sys
from pathlib import Path

MODES = ("real", "beside", "instead", "native")
SAYING = "its openai: "


def install(mode: str) -> None:
    """Put the openai of a mode in place."""
    if mode == "real":
        return
    from shim.compat import openai_v0

    openai_v0.install(real=mode == "beside")
    if mode == "native":
        openai_v0.use("native")


def say_what_was_used() -> None:
    """Tell whose modules stand under the name of openai: "ours", "real", or both."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "openai"]
    files = [Path(str(module.__file__)) for module in modules if getattr(module, "__file__", None)]
    whose = sorted({"ours" if "openai_v0" in each.parts else "real" for each in files})
    print(f"{SAYING}{' and '.join(whose) or 'not imported'}", file=sys.stderr)


def main() -> None:
    """Install and run."""
    mode, module, *arguments = sys.argv[1:]
    atexit.register(say_what_was_used)
    install(mode)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
