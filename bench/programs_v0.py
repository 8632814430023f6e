"""`python -m bench.programs_v0`: unmodified programs of other people, on the real openai 0.28.1 and on its stand-in.

Not a test: it makes an environment for each program below `.bench/programs`. A program takes its task (`bench.programs`) on the
real library first; then in each other mode it must print the same, end the same, and send the fake API the same requests. The API
is in this process, the program in one of its own, and nothing leaves the machine: whatever else a program asks for meets a dead
proxy.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.peers import ENVIRONMENTS, ROOT, Environment, make_environment
from bench.programs.starting import MODES, MOVED, SAYING
from bench.programs.vocabulary import write_vocabulary
from shim.testing.fake_openai import FakeOpenAI, RecordedRequest
from shim.wire.masking import mask_keys
from tests.compat.openai_v0.comparing import leaves
from tests.compat.openai_v0.telling import of_request

KEY = "sk-test-key-0001"
_PINS = "openai==0.28.1 requests==2.28.2 urllib3==1.26.18 aiohttp>=3.8,<3.9 msgspec pycurl certifi"
"""What old code is pinned to beside each program, and what this project needs beside that."""
_TIME_LIMIT = 120  # seconds for one command: importing some of these takes ten
_SHOWN_DIFFERENCES = 10
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_FRAMES = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t]+.*\n)+", re.MULTILINE)
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Program:
    """A program and its task.

    Attributes:
        name, version: as on PyPI; further requirements in `beside`.
        commands: each `python -m` module with its arguments, one after the other.
        environ: settings for each command.
    """

    name: str
    version: str
    commands: tuple[tuple[str, ...], ...]
    beside: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """Where it is installed."""
        return Environment(
            f"programs/{self.name}", f"{self.name}=={self.version} {self.beside} {_PINS}".replace("  ", " ")
        )


def _task(name: str) -> tuple[tuple[str, ...], ...]:
    return ((f"bench.programs.{name}_task",),)


# tiktoken before 0.6 reads any file of its cache; `vocabulary` writes one, for they download theirs.
_TIKTOKEN = "tiktoken<0.6"
PROGRAMS = (
    Program(
        "llm",
        "0.11.2",
        (
            ("llm", "-m", "gpt-3.5-turbo", "--no-stream", "Count to 3"),
            ("llm", "-m", "gpt-3.5-turbo", "-o", "temperature", "0", "-s", "Be brief.", "Count to 5"),
            ("llm", "-c", "Count to 2"),
            ("llm", "-m", "gpt-3.5-turbo-instruct", "Count to 4"),
            ("llm", "embed", "-m", "ada-002", "-c", "hello"),
            ("llm", "-m", "gpt-4", "--key", "sk-wrong-wrong-wrong", "Count to 3"),
        ),
    ),
    Program("instructor", "0.2.11", _task("instructor")),
    Program("langchain", "0.0.330", _task("langchain")),
    Program("litellm", "0.1.824", _task("litellm"), beside=_TIKTOKEN),
    Program("guidance", "0.0.64", _task("guidance"), beside=_TIKTOKEN),
)


@dataclass
class Run:
    """What one run of a program came to: for each command its status, lines and last words; all requests the API received."""

    statuses: list[int] = field(default_factory=list)
    printed: list[list[Any]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    last_words: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """What is compared."""
        return {name: getattr(self, name) for name in ("statuses", "printed", "last_words", "requests")}


def main() -> None:
    """Install, run, compare, print; 1 where a program differs or cannot run."""
    arguments = _arguments()
    console = Console(stderr=arguments.json)
    rows = [row for program in _wanted(arguments.programs) for row in rows_of(program, arguments.mode, console=console)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        console.print(table_of(rows))
    sys.exit(any(row["problem"] or row["differences"] for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.programs_v0", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(each.name for each in PROGRAMS)}; all"
    )
    parser.add_argument("--mode", action="append", choices=MODES, help="may be repeated; real is always run first")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    arguments = parser.parse_args()
    arguments.mode = arguments.mode or MODES
    return arguments


def _wanted(names: Sequence[str]) -> list[Program]:
    unknown = set(names) - {each.name for each in PROGRAMS}
    if unknown:
        sys.exit(
            f"no such program: {', '.join(sorted(unknown))}; there are {', '.join(each.name for each in PROGRAMS)}"
        )
    return [each for each in PROGRAMS if not names or each.name in names]


def rows_of(program: Program, modes: Sequence[str], *, console: Console) -> Iterator[dict[str, Any]]:
    """A row for each mode, the real one's first."""
    console.print(f"{program.name} {program.version}", highlight=False)
    began = time.monotonic()
    problem = make_environment(program.environment)
    if problem:
        yield row_of(program, "real", problem=f"could not be installed: {problem}")
        return
    console.print(f"  its environment: {time.monotonic() - began:.0f} s", highlight=False)
    python = ENVIRONMENTS / program.environment.name / "bin" / "python"
    real = run(program, "real", python=python)
    yield row_of(program, "real", ran=real)
    for mode in MODES[1:]:
        if mode not in modes:
            continue
        ran = run(program, mode, python=python)
        row = row_of(program, mode, ran=ran, real=real)
        for place, expected, got in row["differences"][:_SHOWN_DIFFERENCES]:
            console.print(f"  {mode} {place}\n    real {expected!r}\n    here {got!r}", markup=False, soft_wrap=True)
        yield row


def run(program: Program, mode: str, *, python: Path) -> Run:
    """Run every command of a program in a mode, with the interpreter of its environment."""
    ran = Run()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, FakeOpenAI(api_key=KEY) as server:
        environ = environment_of(program, server.base_url, folder=Path(folder))
        for command in program.commands:
            ended = subprocess.run(
                [str(python), "-m", "bench.programs.starting", mode, *command],
                cwd=folder,
                env=environ,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=_TIME_LIMIT,
            )
            ran.statuses.append(ended.returncode)
            ran.printed.append(read(ended.stdout, server.base_url))
            said = ended.stderr.strip().splitlines() or [""]
            ran.used.append(said[-1].removeprefix(SAYING))
            ran.last_words.append(mask_keys(said[-2]) if ended.returncode and len(said) > 1 else "")
        ran.requests = sorted(map(sent, server.requests), key=lambda each: json.dumps(each, sort_keys=True))
    ran.seconds = time.monotonic() - began
    return ran


def environment_of(program: Program, base_url: str, *, folder: Path) -> dict[str, str]:
    """The environment of a command: the fake API for openai's, nothing else reachable, no home but an empty folder."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LLM_USER_PATH"), str(folder))
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    here = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    account = {"OPENAI_API_KEY": KEY, "OPENAI_API_BASE": base_url, "TIKTOKEN_CACHE_DIR": str(write_vocabulary(folder))}
    return {**kept, **places, **dead, **here, **account, **program.environ}


def read(printed: str, base_url: str) -> list[Any]:
    """What a program printed, line by line, as JSON where it is, without what differs from run to run and is no difference.

    That is: addresses of the server and in memory, the frames of tracebacks, and what looks like a key (which the native provider
    masks in errors even where the server has shortened it: a listed deviation).
    """
    told = mask_keys(_FRAMES.sub("", _ADDRESS.sub("0x", printed.replace(base_url, "BASE"))))
    return [_as_json(line) for line in told.splitlines()]


def _as_json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def sent(request: RecordedRequest) -> dict[str, Any]:
    """A request as the server can tell two clients apart by."""
    target = f"{request.path}?{request.query}" if request.query else request.path
    return of_request(request.method, target, [list(each) for each in request.headers.items()], request.body)


def differences(real: Run, ran: Run) -> list[tuple[str, Any, Any]]:
    """Every fact that is not the real one's: its place, the real one's, this one's."""
    expected, got = dict(leaves(real.facts())), dict(leaves(ran.facts()))
    pairs = ((place, expected.get(place), got.get(place)) for place in sorted({*expected, *got}))
    return [pair for pair in pairs if pair[1] != pair[2]]


def row_of(
    program: Program, mode: str, *, ran: Run | None = None, real: Run | None = None, problem: str = ""
) -> dict[str, Any]:
    """A row of the table."""
    ran = ran or Run()
    wanted = {"real": "real", "beside": "real", "moved": "real"}.get(mode, "ours")
    if not problem and any(used.removesuffix(MOVED) != wanted for used in ran.used):
        problem = f"used {', '.join(sorted(set(ran.used)))}: {' '.join(ran.last_words)}"
    elif not problem and mode == "moved" and not any(used.endswith(MOVED) for used in ran.used):
        problem = "no command had all of its chat calls served by the candidate"
    elif not problem and not ran.requests:
        problem = f"sent nothing: {' '.join(ran.last_words)}"
    return {
        "program": f"{program.name} {program.version}",
        "mode": mode,
        "commands": len(ran.statuses),
        "facts": len(list(leaves(ran.facts()))) if ran.statuses else 0,
        "requests": len(ran.requests),
        "differences": differences(real, ran) if real is not None else [],
        "seconds": round(ran.seconds, 1),
        "problem": problem,
        "printed": ran.printed,
    }


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows, for people."""
    table = Table("program", "mode", "commands", "requests", "facts", "as the real one", "seconds")
    for row in rows:
        differ = len(row["differences"])
        alike = "-" if row["mode"] == "real" else f"[bold red]{differ} differ[/]" if differ else "[green]yes[/]"
        cells = (row["commands"], row["requests"], row["facts"])
        told = f"[bold red]{row['problem']}[/]" if row["problem"] else alike
        table.add_row(row["program"], row["mode"], *map(str, cells), told, f"{row['seconds']:.1f}")
    return table


if __name__ == "__main__":
    main()
