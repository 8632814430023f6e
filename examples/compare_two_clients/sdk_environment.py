"""The environment in which the rewrite runs: the official SDK of today, which cannot stand beside openai 0.28.

Not the rewrite (`new_desk`). It is made once, below `.bench` of this project; --python names one that is there already.
"""

from __future__ import annotations

import shutil
import subprocess
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".bench" / "openai_sdk"
REQUIREMENT = "openai>=1"
_INSTALL_SECONDS = 900  # of a network that is slow, and a machine that is busy


class NoSDKError(Exception):
    """The SDK cannot be had; the message says why, and what to do."""


def sdk_python(told: Path | None) -> Path:
    """The interpreter of an environment with the SDK: the one told, or one that is made unless it stands.

    Raises:
        NoSDKError: it cannot be made, or has no SDK.
    """
    python = told or FOLDER / "bin" / "python"
    if told is None and not (FOLDER / ".finished").exists():
        _make()
    check = "import openai, sys; sys.exit(int(openai.__version__.split('.')[0]) < 1)"
    try:
        subprocess.run([str(python), "-c", check], check=True, capture_output=True, timeout=_INSTALL_SECONDS)  # noqa: S603 - an interpreter that the user names
    except (OSError, subprocess.SubprocessError) as error:
        raise NoSDKError(f"{python} has no openai 1 or newer ({type(error).__name__}); install it there") from None
    return python


def _make() -> None:
    install = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        venv.create(FOLDER, with_pip=True, clear=True)
        subprocess.run([*install, REQUIREMENT], check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)  # noqa: S603 - the interpreter that was just made
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(FOLDER, ignore_errors=True)
        lines = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise NoSDKError(
            f"{REQUIREMENT} could not be installed ({lines[-1] if lines else type(error).__name__}); give --python, the "
            f"interpreter of an environment that has it"
        ) from None
    (FOLDER / ".finished").touch()
