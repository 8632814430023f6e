"""The way in: picks the command, and turns how it ended into an exit status.

Not the commands (`chat`, `fake_server`, `demo`) nor their options (`arguments`). Exit statuses follow the shell's habits:
0 done, 1 failed, 2 used wrongly, 130 interrupted (128 + SIGINT), 141 nobody reads the output any more (128 + SIGPIPE).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shim.cli.arguments import parse
from shim.cli.rendering import UsageError, printer, write_nowhere

if TYPE_CHECKING:
    import argparse

FAILED = 1
USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; `argv` is without the program's name, None takes `sys.argv`.

    Raises:
        SystemExit: `--help` and `--version` (0), or options that cannot be read (2), as argparse ends.
    """
    _print_what_the_terminal_can_show()
    try:
        with _nowhere_for_closed_streams():
            try:
                return _run(argv)
            finally:
                sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone, as `head` does: no error, and nothing to say
        write_nowhere()
        return PIPE_CLOSED
    except OSError as error:
        write_nowhere()
        printer(sys.stderr).line(f"shim: {error.strerror or error}", "bold red")
        return FAILED


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = parse(argv)
        return _command(arguments.command)(arguments)
    except UsageError as error:
        printer(sys.stderr).line(f"shim: {error}", "bold red")
        return USAGE
    except KeyboardInterrupt:
        printer(sys.stderr).line("Interrupted.", "dim")
        return INTERRUPTED


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function of a command, imported only when it is asked for: `shim --version` needs none of them."""
    if name == "chat":
        from shim.cli.chat import chat

        return chat
    if name == "record":
        from shim.cli.record import record

        return record
    if name == "fake-server":
        from shim.cli.fake_server import fake_server

        return fake_server
    if name == "run":
        from shim.cli.run import run

        return run
    if name == "doctor":
        from shim.cli.doctor import doctor

        return doctor
    if name == "compare":
        from shim.cli.compare import compare

        return compare
    if name == "recordings":
        from shim.cli.recordings import recordings

        return recordings
    if name == "rollout":
        from shim.cli.rollout import rollout

        return rollout
    from shim.cli.demo import demo

    return demo


@contextlib.contextmanager
def _nowhere_for_closed_streams() -> Iterator[None]:
    """Stand in for an output that was closed before the program began (`>&-`), where Python has None."""
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        if sys.stdout is None:
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        if sys.stderr is None:
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def _print_what_the_terminal_can_show() -> None:
    """Let a character that the terminal's encoding lacks be written as its escape, not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
