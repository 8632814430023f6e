"""Makes the calls (`calls`) with whichever openai there is, and tells what came of each, one JSON line a call.

    python -m tests.compat.openai_v0.running real|legacy|native|control|candidate URL [NAME…]

Not the comparing. "real" imports the openai that is installed; "legacy" and "native" put ours in its place; "control" and
"candidate" stand beside the real one, and have that arm serve every chat call. Each call starts from
the same settings, and its name stands in the address, by which the server knows what to answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import urllib.parse
import warnings
from typing import Any

from tests.compat.openai_v0.calls import CALLS
from tests.compat.openai_v0.telling import outcome

SETTINGS = ("api_key_path", "organization", "api_version", "proxy", "app_info", "log", "requestssession")


def library(mode: str) -> Any:
    """The openai of a mode, as old code imports it."""
    if mode in ("control", "candidate"):
        from shim.compat import openai_v0
        from shim.migration import Policy, Rollout, Stage

        stage = Stage.COMPLETE if mode == "candidate" else Stage.RAMP
        openai_v0.install(real=True, rollout=Rollout(Policy(stage=stage)), record=lambda _exchange: None)
    elif mode != "real":
        from shim.compat import openai_v0

        openai_v0.install(real=False)
        openai_v0.use(mode)
    import openai
    import openai.error  # the submodules are reached both ways

    return openai


def make(openai: Any, name: str, *, url: str) -> dict[str, Any]:
    """Make one call from a clean state."""
    for setting in SETTINGS:
        setattr(openai, setting, None)
    openai.api_key, openai.api_type, openai.debug = "sk-test-key-0001", "open_ai", False
    openai.api_base = f"{url}/s/{urllib.parse.quote(name.replace('@', '~'))}/v1"
    told = outcome(lambda: CALLS[name](openai), openai)
    return {"name": name, "outcome": told}


def main() -> None:
    """Make them all."""
    mode, url, *names = sys.argv[1:]
    warnings.simplefilter("ignore")
    openai = library(mode)
    for name in names or CALLS:
        print(json.dumps(make(openai, name, url=url)), flush=True)  # noqa: T201 - its output is its result
    threads = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    print(json.dumps({"threads left": threads}), flush=True)  # noqa: T201 - its output is its result


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    main()
