"""`shim rollout`: one function for each action: ask the operator, print, and turn the answer into an exit status.

Not the doing (`shim.migration.operations`), the words and tables (`rollout_output`), nor the options (`rollout_arguments`).
Exit statuses: 0 done, 1 failed, 2 used wrongly, 3 refused since something is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from shim.cli.rendering import UsageError, printer, show_controls
from shim.cli.rollout_output import (
    needs_fields,
    print_attempts,
    print_change,
    print_history,
    print_json,
    print_needs,
    print_status,
)
from shim.cli.rollout_watch import watch_rollout
from shim.migration.operations.operator import Operator, RefusedError, who
from shim.migration.operations.place import RolloutPlace, place_of, salvaged_place
from shim.migration.operations.switching_off import release, switch_off
from shim.migration.policy import PolicyError
from shim.migration.store import StoreConflictError, StoreError

if TYPE_CHECKING:
    from shim.cli.rollout_output import Fields

FAILED = 1
REFUSED = 3

_PLACE = ("policy", "store", "plan", "flag", "history", "kill_switch", "samples")


def rollout(arguments: argparse.Namespace) -> int:
    """Run an action, and return the exit status.

    Raises:
        UsageError: something given cannot be used; the message says what to do.
    """
    try:
        with _log_unheard():
            return _act(arguments)
    except PolicyError as error:
        raise UsageError(show_controls(str(error))) from None
    except RefusedError as error:
        return _refused(error, arguments)
    except StoreConflictError as error:
        return _failed(f"{error}; look at it with `shim rollout status` and try again")
    except (StoreError, ModuleNotFoundError) as error:
        return _failed(str(error))


def _act(arguments: argparse.Namespace) -> int:
    if arguments.action == "off":
        return _off(arguments)
    with Operator(_place(arguments), by=getattr(arguments, "by", None)) as operator:
        return _ACTIONS[arguments.action](operator, arguments)


@contextlib.contextmanager
def _log_unheard() -> Iterator[None]:
    """Keep what the library logs from standard error: the command says the same in its own words."""
    logger, handler = logging.getLogger("shim.migration"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _place(arguments: argparse.Namespace) -> RolloutPlace:
    return place_of({name: getattr(arguments, name) for name in _PLACE}, config=arguments.config)


def _status(operator: Operator, arguments: argparse.Namespace) -> int:
    status = operator.status()
    if arguments.json:
        print_json({"at": time.time(), **msgspec.to_builtins(status)})
    else:
        print_status(printer(sys.stdout), status, place=operator.place)
    return 0


def _plan(operator: Operator, arguments: argparse.Namespace) -> int:
    needs = operator.needs(operator.status())
    if needs is None:
        raise UsageError("there is no plan; give --plan FILE, or name it in shim-rollout.toml")
    if arguments.json:
        print_json(needs_fields(needs))
    else:
        print_needs(printer(sys.stdout), needs)
    return REFUSED if needs.missing else 0


def _set(operator: Operator, arguments: argparse.Namespace) -> int:
    if arguments.anyway is not None and not arguments.anyway.strip():
        raise UsageError("--anyway needs a reason: it is what the others will read in the history")
    change = operator.set(arguments.stage, percent=arguments.percent, anyway=arguments.anyway)
    if arguments.json:
        print_json(msgspec.to_builtins(change))
    else:
        print_change(printer(sys.stdout), change)
    if change.history_fault:
        return _failed(f"it is set, but the history was not written: {change.history_fault}")
    return 0


def _approve(operator: Operator, arguments: argparse.Namespace) -> int:
    step = operator.approve(" ".join(arguments.step), reason=arguments.reason)
    _say(f"{step} is approved.", {"approved": step}, arguments=arguments)
    return 0


def _reset(operator: Operator, arguments: argparse.Namespace) -> int:
    latched = operator.reset(arguments.reason)
    told = "The rollback is lifted; fresh tests begin." if latched else "There was no rollback; fresh tests begin."
    _say(told, {"was_latched": latched}, arguments=arguments)
    return 0


def _history(operator: Operator, arguments: argparse.Namespace) -> int:
    entries = deque(operator.history(), maxlen=arguments.limit)
    if arguments.json:
        for entry in entries:
            print_json(msgspec.to_builtins(entry))
    else:
        print_history(printer(sys.stdout), entries)
    return 0


def _watch(operator: Operator, arguments: argparse.Namespace) -> int:
    return watch_rollout(operator, every=arguments.every, once=arguments.once)


def _report(operator: Operator, arguments: argparse.Namespace) -> int:
    from shim.migration.report import write_report

    try:
        write_report(arguments.html, operator)
    except ModuleNotFoundError as error:
        return _failed(f"the page needs {error.name}: pip install 'legacy-openai-shim[cli]'")
    printer(sys.stdout).line(f"Written: {arguments.html}")
    return 0


_ACTIONS: dict[str, Callable[[Operator, argparse.Namespace], int]] = {
    "status": _status,
    "plan": _plan,
    "set": _set,
    "approve": _approve,
    "reset": _reset,
    "history": _history,
    "watch": _watch,
    "report": _report,
}


def _off(arguments: argparse.Namespace) -> int:
    """Throw or lift the switches; of a configuration that is broken, the lines that can be read."""
    by = arguments.by or who()
    broken = ""
    try:
        place = _place(arguments)
    except PolicyError as error:
        broken = str(error)
        place = salvaged_place({name: getattr(arguments, name) for name in _PLACE}, config=arguments.config)
    if arguments.release:
        attempts = release(place, by=by, reason=arguments.reason)
    else:
        attempts = switch_off(place, by=by, reason=arguments.reason)
    counting = [each for each in attempts if each.counts]
    if not counting:
        told = f"{broken}; " if broken else ""
        raise UsageError(f"{told}no switch is known; give --kill-switch FILE, --store PATH or --policy FILE")
    done = all(each.reached for each in counting) if arguments.release else any(each.reached for each in counting)
    if arguments.json:
        print_json({"done": done, "attempts": msgspec.to_builtins(attempts), "config_fault": broken})
    else:
        print_attempts(printer(sys.stdout), attempts, done=done, released=arguments.release, broken=broken)
    return 0 if done else FAILED


def _say(text: str, fields: Fields, *, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json(fields)
    else:
        printer(sys.stdout).line(text)


def _refused(error: RefusedError, arguments: argparse.Namespace) -> int:
    err = printer(sys.stderr)
    if arguments.json:
        print_json({"refused": str(error), "missing": list(error.missing)})
    err.line(f"shim: refused: {show_controls(str(error))}:", "bold red")
    for each in error.missing:
        err.line(f"  - {show_controls(each)}")
    err.line('Wait for it, or go all the same with --anyway "REASON", which stands in the history.')
    return REFUSED


def _failed(told: str) -> int:
    printer(sys.stderr).line(f"shim: {show_controls(told)}", "bold red")
    return FAILED
