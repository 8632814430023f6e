"""Tests of the edits: import lines and nothing else, formatting kept, and never over a newer file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from shim.doctor import fix_file, write_fix
from shim.doctor.import_lines import rewritten

DROP_IN = "from shim.compat import openai_v0 as openai"
LINES = {
    "import openai": DROP_IN,
    "import openai  # the client": f"{DROP_IN}  # the client",
    "import openai as o": "from shim.compat import openai_v0 as o",
    "import openai.error": DROP_IN,
    "import openai.embeddings_utils": f"{DROP_IN}\nimport shim.compat.openai_v0.embeddings_utils",
    "import openai.error as e": "from shim.compat.openai_v0 import error as e",
    "import openai.api_resources.completion as c": "from shim.compat.openai_v0.api_resources import completion as c",
    "import os, openai, sys as s  # all": f"import os, sys as s\n{DROP_IN}  # all",
    "import os; import openai; x = 1": f"import os; {DROP_IN}; x = 1",
    "import os, openai; x = 1": f"import os; {DROP_IN}; x = 1",
    "import openai, openai.error": DROP_IN,
    "from openai import ChatCompletion as C, error": "from shim.compat.openai_v0 import ChatCompletion as C, error",
    "from openai.error import (\n    APIError,  # one\n    Timeout,\n)": (
        "from shim.compat.openai_v0.error import (\n    APIError,  # one\n    Timeout,\n)"
    ),
    "from openai import *": "from shim.compat.openai_v0 import *",
    "from  openai  import error": "from  shim.compat.openai_v0  import error",
    "if x:\n    import openai, os\nelse: import openai": f"if x:\n    import os\n    {DROP_IN}\nelse: {DROP_IN}",
    "é = 1; import openai": f"é = 1; {DROP_IN}",
    "import os, \\\n    openai\nx": f"import os\n{DROP_IN}\nx",
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_import_lines_are_written_for_the_drop_in(line: str, end: str) -> None:
    """Each form becomes its own form of the drop-in, with comments, parentheses and ends of lines kept."""
    text, wanted = (each.replace("\n", end or "\n") + end for each in (line, LINES[line]))
    assert rewritten(text)[0] == wanted


@pytest.mark.parametrize("line", LINES)
def test_a_second_time_nothing_is_changed(line: str) -> None:
    """What was fixed is left alone."""
    once = rewritten(line)[0]
    assert rewritten(once)[0] == once


@pytest.mark.parametrize(
    "text",
    [
        "import openai_tools",
        "from .openai import x",
        "from helpers import openai",
        "x = 'import openai'",
        "from openai import OpenAI\nimport openai",
        "import openai\nclient = openai.OpenAI()",
    ],
)
def test_other_lines_are_left_alone(text: str) -> None:
    """Other modules, texts, and code of openai 1.x are not touched."""
    assert rewritten(text) == (text, [])


def test_what_an_import_line_does_not_reach_is_told() -> None:
    """Names in texts, imports by text and libraries that import openai themselves are told with their lines."""
    text = 'import openai\nimport langchain.llms\npatch("openai.Model.list")\nimport_module("openai")\nfrom guidance import x\n'
    _, left = rewritten(text)
    assert {each.split(":")[0] for each in left} == {"line 2", "line 3", "line 4", "line 5"}


def test_a_file_is_shown_then_written(tmp_path: Path) -> None:
    """The diff names the file and the lines, nothing is written before it is asked for, and permissions stay."""
    path = tmp_path / "tool.py"
    path.write_bytes("# -*- coding: latin-1 -*-\r\nimport openai\r\nx = 'é'\r\n".encode("latin-1"))
    path.chmod(0o750)
    before = path.read_bytes()
    fix = fix_file(path)
    assert fix is not None
    assert f"--- a{path}" in fix.diff
    assert "-import openai" in fix.diff
    assert f"+{DROP_IN}" in fix.diff
    assert path.read_bytes() == before
    write_fix(fix)
    assert path.read_bytes() == before.replace(b"import openai", DROP_IN.encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert [each.name for each in tmp_path.iterdir()] == ["tool.py"]
    assert fix_file(path) is None


def test_a_mark_at_the_beginning_stays(tmp_path: Path) -> None:
    """A file that begins with a byte order mark keeps it."""
    path = tmp_path / "x.py"
    path.write_bytes(b"\xef\xbb\xbfimport openai\n")
    fix = fix_file(path)
    assert fix is not None
    assert fix.after == b"\xef\xbb\xbf" + DROP_IN.encode() + b"\n"


def test_a_newer_file_is_not_written_over(tmp_path: Path) -> None:
    """A file that has been changed since it was read is an error, and stays as it is."""
    path = tmp_path / "x.py"
    path.write_text("import openai\n")
    fix = fix_file(path)
    assert fix is not None
    path.write_text("import openai\nmore = 1\n")
    with pytest.raises(OSError, match="has been changed since"):
        write_fix(fix)
    assert path.read_text() == "import openai\nmore = 1\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind a link is changed, and the link is still one."""
    (tmp_path / "real.py").write_text("import openai\n")
    link = tmp_path / "link.py"
    link.symlink_to("real.py")
    fix = fix_file(link)
    assert fix is not None
    write_fix(fix)
    assert link.is_symlink()
    assert (tmp_path / "real.py").read_text() == f"{DROP_IN}\n"


@pytest.mark.parametrize("indent", [1, 2, None])
def test_notebooks_keep_their_form(tmp_path: Path, indent: int | None) -> None:
    """Only the lines of code are another in a notebook; one whose JSON has a form of its own is told instead."""
    cells = [
        {"cell_type": "code", "source": ["import openai\n", "x = 'é'"], "metadata": {}},
        {"cell_type": "markdown", "source": "import openai"},
        {"cell_type": "code", "source": "import openai as o"},
    ]
    path = tmp_path / "x.ipynb"
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=indent, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    fix = fix_file(path)
    assert fix is not None
    changed = text.replace('"import openai\\n"', f'"{DROP_IN}\\n"').replace(
        "import openai as o", "from shim.compat import openai_v0 as o"
    )
    assert fix.after.decode() == changed
    path.write_text(text.replace(":", " :"), encoding="utf-8")
    odd = fix_file(path)
    assert odd is not None
    assert odd.before == odd.after
    assert "by hand" in odd.left[0]
