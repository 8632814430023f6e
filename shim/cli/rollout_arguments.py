"""The options of `shim rollout` and its actions, read by argparse.

Not what the actions do with them (`rollout`), nor where a rollout is (`shim.migration.operations.place`).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    # A parser of a command or action, by its name and what it does.
    Add = Callable[..., argparse.ArgumentParser]

NOTE = """\
actions:
  status   how it stands: stage, share, arms, evidence against its limit, the guard's answer and why
  plan     what the plan's next step needs, and whether it is there
  set      write another stage: back at any time, forward only where the plan's needs are met
  approve  approve a step that waits for it
  off      send all traffic back to control, however broken the rest is; --release lifts the switches
  reset    lift the guard's rollback, with a reason
  history  what happened, who did it, and why
  watch    status and plan, again and again
  report   one HTML page
  "shim rollout ACTION --help" tells the options of each.

Where the rollout is, options say (before the action or after it), or SHIM_ROLLOUT_POLICY, _STORE, _PLAN, _FLAG, _HISTORY,
_KILL_SWITCH and _SAMPLES, or shim-rollout.toml in this folder (another: --config FILE, or SHIM_ROLLOUT). An address with a
password belongs in the variable: options are seen by other users of the machine.
exit status: 0 done (plan: the next step may begin; off: at least one switch that every process reads is thrown), 1 failed,
2 used wrongly, or a file that cannot be used, 3 refused: something that the next step needs is missing, 130 interrupted.
"""


def add_rollout(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], *, formatter: type[argparse.HelpFormatter]
) -> None:
    """Add the command and its actions."""
    command = commands.add_parser(
        "rollout",
        usage="shim rollout ACTION …",
        description="See and move a rollout: its stage, its guard, its switches.",
        epilog=NOTE,
        formatter_class=formatter,
        parents=[_place_options(default=None)],
    )
    actions = command.add_subparsers(
        prog="shim rollout", dest="action", metavar="ACTION", required=True, help=argparse.SUPPRESS
    )
    place = _place_options(
        default=argparse.SUPPRESS
    )  # what stands before the action holds where nothing stands after it

    def add(name: str, does: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, description=does, parents=[place], formatter_class=formatter)

    _json(add("status", "Show how the rollout stands."))
    _json(add("plan", "Show what the plan's next step needs. Exit status 3 while something is missing."))
    _add_set(add)
    _add_approve(add)
    _add_off(add)
    reset = add("reset", "Lift the guard's rollback and have fresh tests begin. Only a person does this.")
    reset.add_argument("reason", help="what was found and done")
    _json(_by(reset))
    history = _json(add("history", "Show what happened, oldest first."))
    history.add_argument(
        "--limit", type=_count, default=50, metavar="COUNT", help="the last ones (default: %(default)s)"
    )
    _add_watch(add)
    _add_report(add)


def _place_options(*, default: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, argument_default=default)
    place = parser.add_argument_group("where the rollout is")
    place.add_argument(
        "--config", metavar="FILE", help="a TOML file that names the others (default: shim-rollout.toml)"
    )
    place.add_argument("--policy", metavar="FILE", help="the policy's file, where none is in the store")
    place.add_argument("--store", metavar="PATH", help="the store: a path, or redis://HOST:PORT/DB")
    place.add_argument("--plan", metavar="FILE", help="the plan of steps")
    place.add_argument("--flag", metavar="NAME", help="the rollout's name (default: openai)")
    place.add_argument("--history", metavar="FILE", help="the history's file (default: the store's)")
    place.add_argument("--kill-switch", metavar="FILE", help="the file that throws the kill switch by being there")
    place.add_argument("--samples", metavar="FILE", help="what watch adds to, and report plots")
    return parser


def _add_set(add: Add) -> None:
    command = add("set", "Write another stage. Refuses to go past missing evidence or approval.")
    command.add_argument("stage", help="off, wire, tee, shadow, ramp or complete")
    command.add_argument("--percent", type=_percent, metavar="N", help="of the units, with ramp: 0 to 100")
    command.add_argument("--anyway", metavar="REASON", help="go though something is missing; it stands in the history")
    _json(_by(command))


def _add_approve(add: Add) -> None:
    command = add("approve", "Approve a step of the plan. A rollback or reset takes approvals back.")
    command.add_argument("step", nargs="+", help='as the plan names it: complete, or "ramp 5"')
    command.add_argument("--reason", default="", help="why")
    _json(_by(command))


def _add_off(add: Add) -> None:
    command = add(
        "off", "Throw every switch that can be reached, and write stage off. Works when everything else is broken."
    )
    command.add_argument("--reason", default="shim rollout off", help="why; it stands in switch and history")
    command.add_argument(
        "--release",
        action="store_true",
        help="lift file and store's switch instead; the stage stays off until it is set",
    )
    _json(_by(command))


def _add_watch(add: Add) -> None:
    command = add("watch", "Show status and plan, again and again, until Ctrl-C.")
    command.add_argument(
        "--every", type=_period, default=2.0, metavar="SECONDS", help="between two looks (default: %(default)g)"
    )
    command.add_argument("--once", action="store_true", help="look once")


def _add_report(add: Add) -> None:
    command = add("report", "Write one HTML page that holds all it needs: arms, evidence, plots, history.")
    command.add_argument("--html", required=True, metavar="FILE", help="the page; only you may read it")


def _by(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--by", metavar="NAME", help="who does it (default: your user name)")
    return parser


def _json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="print one JSON object in a line, or one a line")
    return parser


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage; give a number from 0 to 100")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text[:9]) > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of entries; give 1 or more")
    return int(text[:9])


def _period(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time; give seconds from 0.1 to 3600")
    return value
