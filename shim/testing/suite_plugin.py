"""The part of the pytest plugin that records a run and compares it with an earlier one: there where it is asked for.

Not the recording (`suite_recording`) nor the plugin's options and fixtures (`pytest_plugin`). Under pytest-xdist each worker
appends to the one file, and the controller compares when all have ended.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shim.testing.suite_recording import SuiteRecording, SuiteRecordingError, check_new, compare_suites, told

_AGAIN = (
    "recorded in {}; run the suite with the other client into another file, then: shim compare CONTROL --candidate FILE"
)
_NOTHING = (
    "nothing was recorded in {}: sessions of requests are recorded by themselves, to any other client (openai 1 and later, "
    "httpx, aiohttp) give the address that the fixture shim_recorded returns"
)


class SuitePlugin:
    """Records the run of one configuration.

    Raises:
        UsageError: the file cannot be used, or the control's is not there.
    """

    def __init__(self, config: pytest.Config) -> None:
        record, control = config.getoption("--shim-record"), config.getoption("--shim-control")
        if not record:
            raise pytest.UsageError("--shim-control compares a run with an earlier one; give --shim-record FILE, too")
        folder = config.invocation_params.dir
        self._path = folder / record
        self._control: Path | None = folder / control if control else None
        self._is_worker = hasattr(config, "workerinput")  # of pytest-xdist
        self._lines: list[str] = []
        if self._control is not None and not self._control.is_file():
            raise pytest.UsageError(f"--shim-control {control} is no file; give the recording of an earlier run")
        try:
            if not self._is_worker:
                check_new(self._path)
            self._recording = SuiteRecording(self._path)
        except SuiteRecordingError as error:
            raise pytest.UsageError(f"--shim-record: {error}") from None

    def through(self, base_url: str, *, opened: ExitStack) -> str:
        """The address of a proxy to a base URL, which records; a failure of the test where there can be none."""
        try:
            return self._recording.through(base_url, opened=opened)
        except ValueError as error:
            pytest.fail(f"shim_recorded: {error}", pytrace=False)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, None, None]:
        """Note whose requests they are: of the test with its fixtures."""
        self._recording.test = item.nodeid
        yield
        self._recording.test = ""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the file, and compare it where it was asked for."""
        recording = self._recording
        recording.close()
        if recording.lost:
            self._lines.append(f"{recording.lost:,} exchanges of this process could not be recorded")
        if self._is_worker:
            return
        if self._control is None:
            self._lines.append(_AGAIN.format(self._path) if self._holds_something() else _NOTHING.format(self._path))
        elif not self._compare(self._control) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was recorded, and what the comparison came to."""
        if self._lines:
            terminalreporter.section("shim: two runs" if self._control is not None else "shim: recording")
            for line in self._lines:
                terminalreporter.write_line(line)

    def _holds_something(self) -> bool:
        """Whether any process of the run has recorded anything."""
        size: int = self._path.stat().st_size if self._path.exists() else 0
        return size > 0

    def _compare(self, control: Path) -> bool:
        """Whether both runs asked and got the same."""
        try:
            report, shown = compare_suites(control, self._path)
        except ValueError as error:
            self._lines.append(f"the runs cannot be compared: {error}")
            return False
        self._lines += told(report, shown)
        return report.ok
