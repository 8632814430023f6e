"""Two clients compared: a script for openai 0.28 and its rewrite for the SDK of today; three faults are found.

Not the scripts (`old_desk`, `new_desk`), nor where the SDK is (`sdk_environment`, which installs it once, unless --python names
an environment that has it). It runs against a fake API on this machine, which is busy once and cuts one stream short: no key.

    python examples/compare_two_clients/run.py
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sdk_environment import NoSDKError, sdk_python

from shim.comparison import ABSENT, RecordingsReport, Verdict, compare_recordings
from shim.testing.fake_openai import (
    Answer,
    FakeOpenAI,
    RecordedRequest,
    Respond,
    json_answer,
    stream_answer,
)

HERE = Path(__file__).resolve().parent
STORY = (
    "The house was a mill, then a school, and at last a restaurant. It has stood by the river for three hundred years."
)
MOST_REQUESTS = 50


class HouseApi:
    """Answers the desk's questions: is busy at the first try for a table, and cuts the story short when first asked."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def answer(self, request: RecordedRequest) -> Answer:
        """Answer a request."""
        question = request.json["messages"][-1]["content"]
        self._asked[question] += 1
        is_first = self._asked[question] == 1
        if "table" in question and is_first:
            busy = {
                "error": {
                    "message": "Rate limit reached.",
                    "type": "requests",
                    "param": None,
                    "code": "rate_limit_exceeded",
                }
            }
            return json_answer(busy, status=429)
        if request.json.get("stream"):
            chunks = [_chunk(f"{word} ") for word in STORY.split()]
            # A gateway that gives up ends the answer properly: only the finish reason is missing, and `[DONE]`.
            return (
                stream_answer(chunks[:4], done=False)
                if is_first
                else stream_answer([*chunks, _chunk("", reason="stop")])
            )
        message = {"role": "assistant", "content": f"About “{question}”: gladly."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
        return json_answer(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-4o-mini",
                "choices": [choice],
                "usage": usage,
            }
        )


def _chunk(text: str, *, reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}
    return {
        "id": "chatcmpl-2",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [choice],
    }


def main() -> int:
    """Record the old client, the rewrite and the mended one, and hold them against each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="the interpreter of an environment with openai 1 or newer")
    try:
        python = str(sdk_python(parser.parse_args().python))
    except NoSDKError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        old, new, mended = (Path(folder) / f"{name}.jsonl" for name in ("old", "new", "mended"))
        print("1. The old client, through shim record.")
        record(sys.executable, "old_desk.py", into=old)
        print("2. The rewrite, through shim record; then: shim compare old.jsonl --candidate new.jsonl")
        record(python, "new_desk.py", into=new)
        compare(old, new)
        print("3. The rewrite, mended; then: shim compare old.jsonl --candidate mended.jsonl")
        record(python, "new_desk.py", "--mended", into=mended)
        report = compare(old, mended)
    return 0 if report.ok else 1


def record(python: str, *program: str, into: Path) -> None:
    """Run a program with an interpreter against the API, with the recording proxy between."""
    with FakeOpenAI() as server:
        server.plan(*[Respond(HouseApi().answer)] * MOST_REQUESTS)
        with recording(server.base_url, into) as base_url:
            environment = {**os.environ, "OPENAI_API_BASE": base_url, "OPENAI_API_KEY": "sk-test"}
            subprocess.run([python, *program], env=environment, check=True, cwd=HERE)  # noqa: S603 - our own program


@contextlib.contextmanager
def recording(upstream: str, into: Path) -> Iterator[str]:
    """`shim record` as a process of its own; gives the address that it listens on."""
    command = [sys.executable, "-m", "shim.cli", "record", "--quiet", "--upstream", upstream, str(into)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:  # noqa: S603 - our own program
        try:
            lines = iter(proxy.stdout or ())
            yield next(line.strip() for line in lines if line.strip().startswith("http://"))
        finally:
            proxy.send_signal(signal.SIGINT)


def compare(control: Path, candidate: Path) -> RecordingsReport:
    """Compare two recordings, and tell each difference once."""
    found: Counter[str] = Counter()

    def note(verdict: Verdict) -> None:
        found.update(_line(each.path, each.control, each.candidate, rule=each.rule) for each in verdict.mismatches)

    report = compare_recordings(control, candidate, on_verdict=note)
    for line, count in found.items():
        print(f"   {count}x {line}")
    counts = report.pairing
    print(
        f"   {counts.pairs} pairs; without a partner: {counts.missing} of the old, {counts.added} of the new client's"
    )
    print(f"   {report.answers.headline}")
    return report


def _line(path: str, control: object, candidate: object, *, rule: str) -> str:
    if rule == "wire.missing":
        return f"only the old client asks: {control}"
    return f"{path}: old {_shown(control)}, new {_shown(candidate)}"


def _shown(value: object) -> str:
    return "(absent)" if value == ABSENT else repr(value)


if __name__ == "__main__":
    sys.exit(main())
