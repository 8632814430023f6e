"""The recording of a test suite: each exchange of a run in one file, with the name of the test that made it.

Not the pytest plugin that asks for it (`pytest_plugin`) nor the comparing of two such files (`shim.comparison.two_recordings`),
which pairs within a test. What goes through `requests` is recorded by itself, in any session; whatever else speaks HTTP goes
through a proxy on loopback, when the test gives its client the address that `through` returns.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shim.comparison.verdict import Outcome
from shim.recording.files import ExchangeWriter
from shim.recording.tap.module_tap import is_api_address
from shim.recording.tap.session_tap import tap

if TYPE_CHECKING:
    from shim.comparison import RecordingsReport
    from shim.recording.exchange import Exchange

MOST_SHOWN = 10
"""Differences that are told in words."""


class SuiteRecordingError(ValueError):
    """A recording of a suite cannot be made; the message says why, and what to do."""


def check_new(path: Path) -> None:
    """Refuse a file that holds something: two runs in one recording would be taken for one.

    Raises:
        SuiteRecordingError: it does.
    """
    if path.exists() and path.stat().st_size:
        raise SuiteRecordingError(f"{path} holds a recording already; give another name, or remove it")


class SuiteRecording:
    """A run's recording. Close it. Requests are those of the test that runs when they are sent.

    Args:
        path: where it goes; several processes of one run may append to the same file.

    Attributes:
        test: the name of the test that runs; "" between tests.

    Raises:
        SuiteRecordingError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.test = ""
        self._proxied = 0
        self._upstreams: set[str] = set()
        try:
            self._writer = ExchangeWriter(path)
            self._tap = tap.everywhere(path, only=self._is_wanted, context=self._context)
        except OSError as error:
            raise SuiteRecordingError(f"{path} cannot be written: {error.strerror or error}") from None

    @property
    def recorded(self) -> int:
        """Exchanges recorded by this process."""
        return self._tap.recorded + self._proxied

    @property
    def lost(self) -> int:
        """Exchanges that are not in the file: those that found no room, and those whose recording failed."""
        return self._tap.dropped + self._tap.failed

    def through(self, base_url: str, *, opened: ExitStack) -> str:
        """The address of a proxy that passes requests on to a base URL and records them as the running test's.

        Args:
            base_url: where requests go.
            opened: ends the proxy.

        Raises:
            SuiteRecordingError: the proxy needs h11, which is missing.
            ValueError: it is no URL of an upstream.
        """
        try:
            from shim.recording.proxy import RecordingProxy, Upstream
        except ModuleNotFoundError as error:
            raise SuiteRecordingError(
                f"recording through a proxy needs {error.name}: install legacy-openai-shim[cli]"
            ) from None
        write = partial(self._write, test=self.test)
        proxy = opened.enter_context(RecordingProxy(Upstream.parse(base_url), write))
        self._upstreams.add(proxy.base_url)
        opened.callback(self._upstreams.discard, proxy.base_url)
        return proxy.base_url

    def close(self) -> None:
        """Write what has ended, and close the file."""
        self._tap.remove()
        self._writer.close()

    def _write(self, exchange: Exchange, *, test: str) -> None:
        self._writer.write(replace(exchange, context={**exchange.context, "test": test}))
        self._proxied += 1

    def _context(self) -> dict[str, str]:
        return {"test": self.test} if self.test else {}

    def _is_wanted(self, url: str) -> bool:
        """Whether a request is of an API, and not on its way to a proxy that records it already."""
        return is_api_address(url) and not any(url.startswith(each) for each in self._upstreams)


def compare_suites(control: Path, candidate: Path) -> tuple[RecordingsReport, list[str]]:
    """Compare two runs; the report, and the first differences in words.

    Raises:
        ValueError: they cannot be compared; the message says why.
    """
    from shim.comparison import Verdict, compare_recordings

    shown: list[str] = []

    def note(verdict: Verdict) -> None:
        if not verdict.ok and len(shown) < MOST_SHOWN:
            shown.append(verdict.message or verdict.reason)

    return compare_recordings(control, candidate, on_verdict=note), shown


def told(report: RecordingsReport, shown: list[str]) -> list[str]:
    """What two runs came to, in lines."""
    tally, pairing = report.tally, report.pairing
    differing = tally.count(Outcome.MISMATCH) + tally.count(Outcome.FAILED)
    lines = [line for text in shown for line in (*text.splitlines(), "")]
    more = differing - len(shown)
    if more > 0:
        lines.append(f"and {more:,} more; `shim compare` tells them all")
    lines += [str(fault) for fault in report.faults[:MOST_SHOWN]]
    alone = f"{pairing.missing:,} of the control's and {pairing.added:,} of this run's without a partner"
    lines.append(f"{pairing.pairs:,} pairs, {differing:,} that differ, {alone}")
    return [*lines, report.answers.headline]
