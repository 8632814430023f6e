"""The clients that are measured, and the environments the foreign ones live in.

Not how they are run (`bench.run`). A peer's environment is made once below `.bench/` and kept.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".bench"


@dataclass(frozen=True)
class Peer:
    """One measured client: its module below `bench.clients`, and what its environment needs (nothing: this project's own)."""

    name: str
    script: str
    environment: str | None = None
    requirements: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return Path(sys.executable) if self.environment is None else ENVIRONMENTS / self.environment / "bin" / "python"


OPENAI = ("openai",)

PEERS: tuple[Peer, ...] = (
    Peer("legacy client, json.loads by hand", "legacy_by_hand"),
    Peer("legacy client through the shim", "adapter"),
    Peer("openai, async", "openai_async", "openai", OPENAI),
    Peer("openai, threads", "openai_threads", "openai", OPENAI),
)
BASELINE = PEERS[1]


def make_environment(peer: Peer) -> None:
    """Make a peer's environment unless it stands.

    Raises:
        subprocess.CalledProcessError: a requirement could not be installed.
    """
    if peer.environment is None or peer.python.exists():
        return
    venv.create(ENVIRONMENTS / peer.environment, with_pip=True)
    install = [str(peer.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
    subprocess.run(install, check=True)


def version(peer: Peer) -> str:
    """The version of the library a peer measures."""
    package = peer.requirements[0] if peer.requirements else "legacy-openai-shim"
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([str(peer.python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()
