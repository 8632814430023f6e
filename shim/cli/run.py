"""`shim run`: runs a program that was written for openai 0.28, unchanged, with a rollout or a recording beside it.

Not what is installed (`shim.compat.openai_v0`). The program gets a plain Python of its own in the place of this process: exit
status, signals, tracebacks, `sys.argv`, `__main__`, standard input and what happens at its end are Python's own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from shim.cli.rendering import UsageError, printer

_WINDOWS = "win32"


def run(arguments: argparse.Namespace) -> int:
    """Become the program.

    Raises:
        UsageError: an option cannot be used.
    """
    from shim.compat.openai_v0.startup import StartupSettings, folder

    if arguments.print_path:
        printer(sys.stdout).line(folder())
        return 0
    hosts = _insecure_hosts(arguments.insecure_host)
    settings = StartupSettings(
        provider=arguments.provider,
        rollout=arguments.rollout,
        upgrades=",".join(arguments.upgrade) or None,
        record=arguments.record,
        rotate_bytes=arguments.rotate_size,
        rotate_seconds=arguments.rotate_age,
        rotate_keep=arguments.rotate_keep,
        insecure_hosts=hosts,
    )
    _check_rotation(arguments)
    command = _command(arguments)
    _check(settings)
    path = os.pathsep.join(filter(None, (folder(), os.environ.get("PYTHONPATH"))))
    _become(command, {**os.environ, **settings.variables(), "PYTHONPATH": path})


def _command(arguments: argparse.Namespace) -> list[str]:
    program: Sequence[str] = arguments.program
    if not program:
        raise UsageError("there is no program; give one: shim run program.py, or shim run -m module")
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    return [sys.executable, *flags, *(["-m"] if arguments.module else []), *program]


def _insecure_hosts(names: Sequence[str]) -> str | None:
    """What the environment says already, and these; None where these are none."""
    from shim.model import InvalidRequestError
    from shim.plain_http import VARIABLE, checked_hosts

    try:
        checked_hosts(names)
    except InvalidRequestError as error:
        raise UsageError(f"--insecure-host: {error}") from None
    return ",".join(filter(None, (os.environ.get(VARIABLE), *names))) if names else None


def _check(settings: object) -> None:
    from shim.compat.openai_v0.installation import real_version
    from shim.compat.openai_v0.startup import StartupSettings
    from shim.migration import FilePolicy, PolicyError

    if not isinstance(settings, StartupSettings):
        raise TypeError("settings are StartupSettings")
    beside = real_version() is not None
    if settings.provider is not None and settings.rollout is None and beside:
        raise UsageError(
            "--provider says who serves the calls that move, and without --rollout none does; give --rollout FILE"
        )
    if settings.upgrade_names:
        _check_upgrades(settings.upgrade_names, beside=beside, moving=settings.rollout is not None)
    if settings.rollout is not None:
        try:
            FilePolicy(settings.rollout)
        except PolicyError as error:
            raise UsageError(f"--rollout: {error}") from None
    if settings.record is not None:
        _check_recording(settings.record)


def _check_upgrades(names: Sequence[str], *, beside: bool, moving: bool) -> None:
    from shim.compat.openai_v0.startup import unknown_upgrade

    unknown = unknown_upgrade(names)
    if unknown is not None:
        raise UsageError(f"--upgrade: {unknown}")
    if not beside:
        raise UsageError(
            "--upgrade changes calls beside the real openai 0.28 alone, and that is not there; install openai==0.28.1, "
            "or leave it out"
        )
    if not moving:
        raise UsageError("--upgrade changes the calls that move, and without --rollout none does; give --rollout FILE")


def _check_rotation(arguments: argparse.Namespace) -> None:
    from shim.cli.record import rotating

    limits = (arguments.rotate_size, arguments.rotate_age, arguments.rotate_keep)
    if arguments.record is None and limits != (None, None, None):
        raise UsageError("--rotate-size, --rotate-age and --rotate-keep are of a recording; give --record FILE, too")
    if arguments.record is not None:
        rotating(arguments, arguments.record)


def _check_recording(path: str) -> None:
    from shim.recording.rotation import check_writable

    try:
        check_writable(path)
    except OSError as error:
        raise UsageError(f"--record: cannot write to {path}: {error.strerror}") from None


def _become(command: Sequence[str], environ: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == _WINDOWS:  # no process can become another there
        sys.exit(subprocess.run(command, env=environ, check=False).returncode)  # noqa: S603 - the user's own program
    os.execve(command[0], list(command), environ)  # noqa: S606 - as above
