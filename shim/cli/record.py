"""`shim record`: runs the recording proxy until Ctrl-C, says how to use it, and counts what it recorded.

Not the proxy (`shim.recording.proxy`) nor the file (`shim.recording`). Nothing of a header or a body is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from shim.cli.advice import exposed
from shim.cli.rendering import UsageError, plural, printer, show_controls
from shim.descriptors import OutOfDescriptorsError
from shim.model import InvalidRequestError
from shim.plain_http import InsecureAddressError

if TYPE_CHECKING:
    from shim.recording.files import ExchangeWriter
    from shim.recording.proxy import Passed, RecordingProxy
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.rotation import RecordingPath, RotatingWriter

SWITCH_INTERVAL = 0.0005
LOOK_SECONDS = 0.2  # how often it is looked whether a signal has come
_T = TypeVar("_T")


def record(arguments: argparse.Namespace) -> int:
    """Pass on and record until SIGINT or SIGTERM; the status is 1 where something could not be written.

    Raises:
        UsageError: it cannot start: the address, the upstream, the file or the authorities, and what to do.
    """
    redaction = _redaction(arguments.redact)
    proxy, writer = _made(arguments, redaction)
    signals: list[int] = []
    with writer, _signals_kept(signals), _turns_taken_often():
        with _started(proxy, arguments):
            _announce(proxy, arguments)
            # No wait without an end: another thread may be given the signal, and the main one handles it once it is awake.
            while not signals:
                time.sleep(LOOK_SECONDS)
        return _summary(proxy, arguments.file, files=getattr(writer, "begun", None))


def _made(
    arguments: argparse.Namespace, redaction: Redaction
) -> tuple[RecordingProxy, ExchangeWriter | RotatingWriter]:
    try:
        from shim.recording.proxy import Address, ProxySettings, RecordingProxy, Upstream
    except ModuleNotFoundError as error:
        raise UsageError(f"record needs {error.name}: pip install 'legacy-openai-shim[cli]'") from None
    settings = ProxySettings(
        ca_file=arguments.ca_file,
        timeout=arguments.timeout,
        max_connections=arguments.max_connections,
        max_body=arguments.max_body,
        allow_remote=arguments.allow_remote,
        allowed_hosts=tuple(arguments.allow_host),
        insecure_hosts=tuple(arguments.insecure_host),
    )
    upstream = _option("--upstream", lambda: Upstream.parse(arguments.upstream))
    address = _option("--listen", lambda: Address.parse(arguments.listen))
    writer = _writer(arguments)
    try:
        proxy = RecordingProxy(
            upstream,
            writer.write,
            listen=address,
            settings=settings,
            redaction=redaction,
            on_passed=None if arguments.quiet else _print_passed,
        )
    except InsecureAddressError as error:
        writer.close()
        raise UsageError(f"--upstream: {exposed(error.host)}") from None
    except InvalidRequestError as error:
        writer.close()
        raise UsageError(f"--insecure-host: {error}") from None
    except ValueError as error:
        writer.close()
        raise UsageError(f"--listen: {error}") from None
    return proxy, writer


def _redaction(paths: list[str]) -> Redaction:
    from shim.recording.redaction.redaction import Redaction

    try:
        return Redaction(body_paths=paths)
    except ValueError as error:
        raise UsageError(f"--redact: {error}") from None


def _option(name: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _writer(arguments: argparse.Namespace) -> ExchangeWriter | RotatingWriter:
    from shim.recording.rotation import check_writable, writer_to

    path = arguments.file
    try:
        target = rotating(arguments, path)
        check_writable(target)
        return writer_to(target)
    except OSError as error:
        raise UsageError(
            f"cannot write to {path}: {error.strerror}; give a file in a folder you may write to"
        ) from None


def rotating(arguments: argparse.Namespace, path: str) -> RecordingPath:
    """Where a recording goes, by the options of rotation.

    Raises:
        UsageError: they do not go with the path.
    """
    from shim.recording.rotation import RotatingFile

    size, age, keep = arguments.rotate_size, arguments.rotate_age, arguments.rotate_keep
    if keep is not None and size is None and age is None:
        raise UsageError("--rotate-keep: there is one file where nothing rotates; give --rotate-size or --rotate-age")
    if size is None and age is None:
        return path
    try:
        return RotatingFile(path, rotate_bytes=size, rotate_seconds=age, rotate_keep=keep)
    except ValueError as error:
        raise UsageError(f"{'--rotate-age' if size is None else '--rotate-size'}: {error}") from None


@contextlib.contextmanager
def _started(proxy: RecordingProxy, arguments: argparse.Namespace) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(proxy)
        except OutOfDescriptorsError:
            raise
        except ssl.SSLError:
            raise UsageError(f"--ca-file: {arguments.ca_file} holds no certificates; give a PEM file") from None
        except OSError as error:
            raise UsageError(_cannot_start(error, arguments)) from None
        yield


def _cannot_start(error: OSError, arguments: argparse.Namespace) -> str:
    if arguments.ca_file is not None and error.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR):
        return f"--ca-file: cannot read {arguments.ca_file}: {error.strerror}; give a PEM file"
    # Python adds where it tried to the system's words; those of the resolver have a number below 0.
    said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"cannot listen on {arguments.listen}: {said}; give another --listen, such as 127.0.0.1:0"


def _announce(proxy: RecordingProxy, arguments: argparse.Namespace) -> None:
    out = printer(sys.stdout)
    out.line(f"Recording {proxy.upstream.origin} into {arguments.file}. Give this base URL to the client:\n")
    out.line(f"  {proxy.base_url}\n", "bold")
    out.line("Its API key passes through and is not written. Ctrl-C ends the recording.")


def _print_passed(passed: Passed) -> None:
    status = passed.fault or passed.ended if passed.status is None else str(passed.status)
    odd = "" if passed.ended == "complete" or passed.status is None else f", {passed.ended}"
    kept = "" if passed.recorded else ", not recorded"
    line = f"{passed.method} {passed.path} {status} {passed.length} bytes {passed.seconds * 1000:.0f} ms{odd}{kept}"
    with contextlib.suppress(OSError, ValueError):  # nobody reads the lines any more: the recording goes on
        printer(sys.stderr).line(show_controls(line))


def _summary(proxy: RecordingProxy, file: str, *, files: int | None) -> int:
    counts, failure = proxy.counts, proxy.write_failure
    out = printer(sys.stdout)
    held = "" if files is None else f", {plural(files, 'file')}"
    out.line(f"{plural(counts.recorded, 'exchange')} recorded in {file}{held}.")
    if counts.refused:
        out.line(f"{plural(counts.refused, 'request')} refused: the client was told why.")
    if failure is not None:
        out.line(
            f"{plural(counts.dropped, 'exchange')} not recorded; the first because: {_reason(failure)}.", "bold red"
        )
    elif counts.dropped:
        out.line(f"{plural(counts.dropped, 'exchange')} not recorded: they came faster than they could be written.")
    return 0 if failure is None else 1


def _reason(failure: Exception) -> str:
    """The words of the system; of any other exception the type alone, as its words may quote a body."""
    said = failure.strerror if isinstance(failure, OSError) else None
    return said or type(failure).__name__


@contextlib.contextmanager
def _turns_taken_often() -> Iterator[None]:
    """Let the thread that passes bytes on wait less for the one that redacts and writes: by default it is up to 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextlib.contextmanager
def _signals_kept(signals: list[int]) -> Iterator[None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
