"""Tests of whole programs: odd files are told and never fatal, others' code is left out, and large trees take seconds."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from shim.doctor import Support, examine, walking
from tests.doctor.conftest import TODAY

CALL = "import openai\nopenai.ChatCompletion.create()\n"


def names(*paths: Path, **options: Any) -> list[str]:
    """The names found below some paths."""
    return [each.name for each in examine(paths, today=TODAY, **options).findings]


@pytest.mark.parametrize(
    "folder", [".git", ".venv", "venv", "node_modules", "lib/site-packages", "__pycache__", ".tox"]
)
def test_others_code_is_left_out_and_told(tmp_path: Path, folder: str) -> None:
    """Folders of tools and of installed code are not examined, and each is told with the reason."""
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "x.py").write_text(CALL)
    (tmp_path / "own.py").write_text(CALL)
    examination = examine([tmp_path], today=TODAY)
    assert examination.files == 1
    assert [each.path for each in examination.skipped] == [str(tmp_path / folder)]


def test_an_environment_of_any_name_is_known(tmp_path: Path) -> None:
    """A folder with a pyvenv.cfg is a virtual environment, whatever it is called."""
    (tmp_path / "py311").mkdir()
    (tmp_path / "py311" / "pyvenv.cfg").touch()
    (tmp_path / "py311" / "x.py").write_text(CALL)
    examination = examine([tmp_path], today=TODAY)
    assert (examination.files, examination.skipped[0].reason) == (0, "a virtual environment")


def test_links_that_loop_end(tmp_path: Path) -> None:
    """A link to a folder above is followed no second time, and a link to nowhere is told."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text(CALL)
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    examination = examine([tmp_path], today=TODAY)
    assert examination.files == 1
    assert [(Path(each.path).name, each.reason) for each in examination.skipped] == [
        ("gone.py", "No such file or directory")
    ]


def test_a_huge_file_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the bound is not read, and is told with the bound."""
    monkeypatch.setattr(walking, "MOST_BYTES", 1 << 20)
    (tmp_path / "data.py").write_bytes(b"import openai\n" + b"#" * (1 << 20))
    examination = examine([tmp_path], today=TODAY)
    assert [each.reason for each in examination.skipped] == ["larger than 1 MiB"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A file that is none is told and not opened."""
    os.mkfifo(tmp_path / "pipe.py")
    assert [each.reason for each in examine([tmp_path], today=TODAY).skipped] == ["no regular file"]


OLD = {
    "print": b"import openai\nprint 'x'\n",
    "except": b"import openai\ntry: pass\nexcept X, e: pass\n",
    "nulls": b"import openai\n\0",
    "encoding": b"# -*- coding: nonsense -*-\nimport openai\n",
    "bytes": b"import openai\nx = '\xff'\n",
    "depth": b"import openai\nx = " + b"(" * 5000 + b")" * 5000,
}


@pytest.mark.parametrize("kind", OLD)
def test_what_does_not_parse_is_told_and_not_fatal(tmp_path: Path, kind: str) -> None:
    """A file that is no Python 3 is told with the reason, needs a hand where it names openai, and the others are examined."""
    (tmp_path / "old.py").write_bytes(OLD[kind])
    (tmp_path / "new.py").write_text(CALL)
    examination = examine([tmp_path], today=TODAY)
    assert [(Path(each.path).name, "None" in each.reason) for each in examination.unread] == [("old.py", False)]
    (finding,) = [each for each in examination.findings if each.kind == "unread"]
    assert finding.standing is Support.HAND
    assert examination.parsed == 1


def test_python_2_is_guessed(tmp_path: Path) -> None:
    """The reason says that it looks like Python 2 where it does."""
    (tmp_path / "old.py").write_bytes(OLD["print"])
    assert examine([tmp_path], today=TODAY).unread[0].reason.endswith("(Python 2?)")


@pytest.mark.parametrize(
    "content",
    [
        "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1") + CALL.encode(),
        b"\xef\xbb\xbf" + CALL.encode(),
        CALL.replace("\n", "\r\n").encode(),
        CALL.replace("\n", "\r").encode(),
        b"x = '\\d'\n" + CALL.encode(),
        b"\x0c\n" + CALL.encode(),
    ],
)
def test_encodings_and_ends_of_lines(tmp_path: Path, content: bytes) -> None:
    """Declared encodings, marks, old ends of lines and old escapes are read as Python reads them."""
    (tmp_path / "x.py").write_bytes(content)
    assert names(tmp_path) == ["openai", "openai.ChatCompletion.create"]


def test_deep_code_is_no_limit(tmp_path: Path) -> None:
    """Expressions nested as generated code has them are walked without recursion."""
    (tmp_path / "x.py").write_text("import openai\nx = " + " + ".join(["1"] * 900) + "\nopenai.Model.list()\n")
    assert names(tmp_path) == ["openai", "openai.Model.list"]


def test_scripts_without_a_suffix_are_examined(tmp_path: Path) -> None:
    """A file without a suffix is Python where its first line says so."""
    (tmp_path / "tool").write_text("#!/usr/bin/env python3\n" + CALL)
    (tmp_path / "other").write_text("#!/bin/sh\nimport openai\n")
    assert names(tmp_path) == ["openai", "openai.ChatCompletion.create"]


def notebook(*cells: Any, **metadata: Any) -> str:
    """A notebook with these cells of code."""
    made = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_notebooks_are_examined_cell_by_cell(tmp_path: Path) -> None:
    """Names go from cell to cell, magics are left out, places name the cell and its line, and a broken cell is told."""
    cells = (
        "%pip install openai\nimport openai as o",
        ["!ls\n", "files = !ls\n", "o.ChatCompletion.create(\n", "  model='gpt-4')\n"],
        "%%bash\nopenai api",
        "this is openai, no Python",
        "%%time\nawait o.Completion.acreate()",
        "o.Model.list?",
    )
    (tmp_path / "x.ipynb").write_text(notebook(*cells))
    examination = examine([tmp_path], today=TODAY)
    places = {each.name: (each.place.cell, each.place.line) for each in examination.findings if each.kind != "unread"}
    assert places == {
        "openai": (1, 2),
        "openai.ChatCompletion.create": (2, 3),
        "gpt-4": (2, 4),
        "openai.Completion.acreate": (5, 2),
    }
    assert [each.path.rpartition(":")[2] for each in examination.unread] == ["cell 4"]


def test_other_notebooks(tmp_path: Path) -> None:
    """Notebooks of nbformat 3 are read, those of other languages and broken ones are told."""
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": CALL.splitlines(keepends=True)}]}], "nbformat": 3}
    (tmp_path / "a.ipynb").write_text(json.dumps(old))
    (tmp_path / "b.ipynb").write_text(notebook(CALL, kernelspec={"language": "R"}))
    (tmp_path / "c.ipynb").write_text('{"cells": openai')
    examination = examine([tmp_path], today=TODAY)
    assert [each.name for each in examination.findings if each.kind != "unread"] == [
        "openai",
        "openai.ChatCompletion.create",
    ]
    assert [each.reason for each in examination.unread] == ["a notebook of R", "no notebook that nbformat 3 or 4 knows"]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    """A path that does not exist is an error that names it, and a folder without Python is examined with nothing found."""
    with pytest.raises(FileNotFoundError, match="nowhere is not there"):
        examine([tmp_path / "nowhere"])
    assert examine([tmp_path]).files == 0


def test_paths_left_out_as_told(tmp_path: Path) -> None:
    """Patterns leave out names and paths below the folder, and each is told."""
    for name in ("a.py", "b_test.py", "sub/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(CALL)
    examination = examine([tmp_path], today=TODAY, skip=["*_test.py", "sub/*"])
    assert examination.files == 1
    assert {each.reason for each in examination.skipped} == {"left out as told"}


def test_a_file_that_is_given_is_examined(tmp_path: Path) -> None:
    """A file that is given is examined whatever its name."""
    (tmp_path / "code.txt").write_text(CALL)
    assert names(tmp_path / "code.txt") == ["openai", "openai.ChatCompletion.create"]


def test_nothing_is_executed(tmp_path: Path) -> None:
    """Code that would leave a trace if it ran leaves none."""
    mark = tmp_path / "mark"
    (tmp_path / "x.py").write_text(f"import openai\nopen({str(mark)!r}, 'w')\n")
    examine([tmp_path])
    assert not mark.exists()


@pytest.mark.slow
def test_the_work_grows_with_the_tree(tmp_path: Path) -> None:
    """Twice the code takes about twice the time, in one file as in many."""
    block = "def f{0}(m):\n    return openai.ChatCompletion.create(model='gpt-4', messages=m, temperature={0})\n"
    small = tmp_path / "small.py"
    large = tmp_path / "large.py"
    small.write_text("import openai\n" + "".join(block.format(number) for number in range(200)))
    large.write_text("import openai\n" + "".join(block.format(number) for number in range(1600)))
    spent = []
    for path in (small, small, large):
        began = time.process_time()
        examine([path], today=TODAY)
        spent.append(time.process_time() - began)
    assert spent[2] < 8 * 3 * min(spent[:2])


def test_a_notebook_is_told_cell_after_cell(tmp_path: Path) -> None:
    """What stands in an early cell comes before what stands in a later one, on whatever lines."""
    (tmp_path / "x.ipynb").write_text(notebook("\n\n\n" + CALL, CALL))
    places = [(each.place.cell, each.place.line) for each in examine([tmp_path]).findings if each.kind == "name"]
    assert places == [(1, 5), (2, 2)]
