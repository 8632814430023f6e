"""`python -m bench.programs.starting MODE MODULE ARGS…`: a program as `python -m MODULE ARGS…`, on the openai of a mode.

Not the tasks (beside it). "real" installs nothing; "beside" and "instead" are the modes of `openai_v0.install`. "moved" is
"beside" with every chat call on the candidate, "native" is "instead" with chat on the native provider. At the end the last line
of standard error says what the program used.
"""

from __future__ import annotations

import atexit
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shim.compat.openai_v0.installation import Installation

MODES = ("real", "beside", "moved", "instead", "native")
SAYING = "its openai: "
MOVED = ", moved"


def install(mode: str) -> Installation | None:
    """Put the openai of a mode in place."""
    if mode == "real":
        return None
    from shim.compat import openai_v0

    if mode == "moved":
        from shim.migration import Policy, Rollout, Stage

        return openai_v0.install(
            real=True, rollout=Rollout(Policy(stage=Stage.COMPLETE)), unit=lambda _call: "a program"
        )
    installed = openai_v0.install(real=mode == "beside")
    if mode == "native":
        openai_v0.use("native")
    return installed


def say_what_was_used(installed: Installation | None) -> None:
    """Tell whose modules stand under the name of openai: "ours", "real", or both; and whether all of its chat calls moved."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "openai"]
    files = [Path(str(module.__file__)) for module in modules if getattr(module, "__file__", None)]
    whose = sorted({"ours" if "openai_v0" in each.parts else "real" for each in files})
    counts = installed.counts if installed is not None else None
    moved = MOVED if counts is not None and counts.candidate and not counts.control else ""
    print(f"{SAYING}{' and '.join(whose) or 'not imported'}{moved}", file=sys.stderr)


def main() -> None:
    """Install and run."""
    mode, module, *arguments = sys.argv[1:]
    atexit.register(say_what_was_used, install(mode))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
