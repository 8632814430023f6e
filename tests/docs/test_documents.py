"""Tests that the documents tell the truth: what they show runs, prints what they say, and leads where it points."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from shim.cli.arguments import build_parser
from shim.testing.fake_openai import FakeOpenAI
from tests.cli.running import ROOT, Running, environment, run
from tests.docs.blocks import DOCUMENTS, Block, all_blocks, blocks_of

PYTHON = all_blocks("python")
COMMANDS = [(str(block), line) for block in all_blocks("sh") for line in block.source.splitlines()]
ON_THEIR_OWN_CODE = [
    (str(block), line.removeprefix("$ "))
    for block in blocks_of("README.md")
    if block.language == "console"
    for line in block.source.splitlines()
    if "shim run" not in line or importlib.util.find_spec("shim.cli.run") is not None  # comes with standing beside 0.28
]
RUNGS = ["off", "wire", "tee", "shadow", "ramp", "complete"]


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_runs_as_it_stands(block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each Python block runs by itself, in an empty folder, without a key, and prints what the text below it says."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    code = compile("\n" * (block.line - 1) + block.source, block.place, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "__main__"})  # noqa: S102 - the documents are our own
    if block.prints is not None:
        assert printed.getvalue() == block.prints


@pytest.mark.slow
@pytest.mark.parametrize(("place", "command"), COMMANDS)
def test_commands_run_as_they_stand(place: str, command: str) -> None:
    """Each shell command of the documents does its work, against a fake API where it needs one."""
    with FakeOpenAI() as server:
        env = environment(server.base_url)
        if command.startswith("make "):
            assert make_knows(command.removeprefix("make ")), place
        elif "fake-server" in command:
            with Running(["sh", "-c", f"exec {here(command)}"], env) as running:
                running.expect("http://127.0.0.1:")
                running.interrupt()
                assert running.status() == 0
        else:
            ran = run(["sh", "-c", here(command)], env)
            assert (ran.returncode, bool(ran.stdout)) == (0, True), f"{place}: {ran.stderr}"


@pytest.mark.parametrize(("place", "command"), ON_THEIR_OWN_CODE)
def test_commands_on_the_readers_code_are_understood(place: str, command: str) -> None:
    """Each command shown for the reader's own code is one the command line knows, options and all, or a target of ours."""
    for words in (shlex.split(each, comments=True) for each in command.split("&&")):
        if words[0] == "make":
            assert make_knows(words[1]), place
        elif words[0] == "shim":
            assert build_parser().parse_args(words[1:]).command == words[1], place
        else:
            assert shutil.which(words[0]), place


def here(command: str) -> str:
    """A command with the environment's programs in the place of the virtual one's."""
    return command.replace(".venv/bin/shim", f"{sys.executable} -m shim.cli")


def make_knows(target: str) -> bool:
    """Whether the Makefile has a target, as far as it can be told without make."""
    if shutil.which("make") is None:
        return re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    asked = ["make", "--dry-run", target]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0  # noqa: S603 - our Makefile


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Every relative link of a document names a file that is there."""
    path = ROOT / document
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing, f"{document} links to what is not there: {missing}"


def test_the_parts_of_the_readme_are_there() -> None:
    """Every part that the README lists can be imported."""
    rows = re.findall(r"^\| (`shim\.[^|]+) \| [^|].* \|$", readme(), re.MULTILINE)
    named = [module for modules in rows for module in re.findall(r"`(shim\.\w+)`", modules)]
    assert len(named) > 8
    missing = [module for module in named if not is_there(module)]
    assert not missing


def is_there(module: str) -> bool:
    """Whether a module can be imported; a folder without modules cannot."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def test_the_picture_and_its_words_agree() -> None:
    """The drawn ladder and its text have the same rungs and words."""
    ladder = readme().partition("The ladder in words")[2].partition("</details>")[0]
    rows = re.findall(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \|$", ladder, re.MULTILINE)[1:]
    assert [row[0] for row in rows] == RUNGS
    drawn = [element.text for element in ElementTree.parse(ROOT / "docs" / "ladder.svg").iter() if is_text(element)]  # noqa: S314 - our own file
    for name, *words in rows:
        assert drawn[drawn.index(name) :][:3] == [name, *words]


def is_text(element: ElementTree.Element) -> bool:
    """Whether an element of a drawing is text."""
    return element.tag.endswith("}text")


def readme() -> str:
    """The README."""
    return Path(ROOT / "README.md").read_text(encoding="utf-8")
