"""The options of every command, read by argparse.

Not what the commands do with them. A value that is wrong by itself ends here, with the option's name and exit status 2.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from shim import __version__
from shim.factory import KINDS

DEFAULT_MODEL = "gpt-4o-mini"

_COMMANDS = """\
commands:
  chat         ask a model, and watch the answer arrive
  demo         watch the legacy client answer through the shim
  fake-server  run a loopback server that speaks the OpenAI API
  "shim COMMAND --help" tells the options of each.

examples:
  shim demo                                    watch it work: no key, no network
  shim chat "Why is the sky blue?"             needs OPENAI_API_KEY
  git diff | shim chat --system "Review this." read the question from a pipe
  shim fake-server                             an API of your own to try things on
"""
_CHAT_NOTE = """\
The key is read from OPENAI_API_KEY, the address from --base-url or else OPENAI_BASE_URL. The answer goes to standard
output, everything else to standard error. Ctrl-C stops the answer and keeps what has arrived.
exit status: 0 answered, 1 failed, 2 used wrongly, 130 interrupted.
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps descriptions as they are written, and gives names enough room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line; `command` of the result is the command's name. Ends the program as argparse does."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        parser.exit(2)
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="shim",
        usage="%(prog)s COMMAND …",
        description="Move a legacy OpenAI client to a new provider interface.",
        epilog=_COMMANDS,
        formatter_class=_Formatter,
    )
    version = f"shim {__version__} (Python {'.'.join(map(str, sys.version_info[:3]))})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(prog="shim", dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    _add_chat(commands)
    _add_fake_server(commands)
    _add_demo(commands)
    return parser


def _add_chat(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    chat = commands.add_parser(
        "chat",
        description="Ask a model, and watch the answer arrive.",
        epilog=_CHAT_NOTE,
        formatter_class=_Formatter,
    )
    chat.add_argument("prompt", nargs="?", default="-", help="the question; - or none reads standard input")
    chat.add_argument("--model", default=DEFAULT_MODEL, help="the model's name (default: %(default)s)")
    chat.add_argument(
        "--provider", default="legacy", choices=sorted(KINDS), help="which provider carries it (default: %(default)s)"
    )
    chat.add_argument(
        "--api",
        choices=("auto", "chat_completions", "responses"),
        help="which API the native provider speaks (default: auto, by the model and what the request needs)",
    )
    chat.add_argument("--base-url", metavar="URL", help="where the API is (default: OPENAI_BASE_URL, or OpenAI's own)")
    chat.add_argument("--system", metavar="TEXT", help="instructions put before the question")
    chat.add_argument("--temperature", type=_number, metavar="NUMBER", help="how freely it answers, 0 to 2")
    chat.add_argument("--max-tokens", type=_positive, metavar="COUNT", help="upper bound of the answer")
    chat.add_argument("--tools", type=Path, metavar="FILE", help="a JSON list of functions that the model may call")
    chat.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="print the answer as it arrives, or once it is whole (default: as it arrives; whole with --json)",
    )
    chat.add_argument("--json", action="store_true", help="print one JSON object; with --stream one a line, per event")


def _add_fake_server(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    server = commands.add_parser(
        "fake-server",
        formatter_class=_Formatter,
        description="Run a loopback server that speaks the OpenAI API, until Ctrl-C. It has no model behind it, only manners.",
    )
    server.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    server.add_argument("--port", type=_port, default=0, help="0 takes a free one (default: %(default)s)")
    server.add_argument("--api-key", metavar="KEY", help="the only key accepted (default: any)")
    server.add_argument(
        "--delay", type=_seconds, default=0.0, metavar="SECONDS", help="between the events of a stream (default: 0)"
    )


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser(
        "demo",
        description="Watch the legacy client answer through the shim, on a server of its own: no key, no network.",
    )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative; give seconds, such as 0.05")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _positive(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1")
    return value


def _port(text: str) -> int:
    value = _whole(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535")
    return value
