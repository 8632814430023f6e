"""A loopback S3: moto's server in a process of its own, filled by plain requests: the test's process has no package of S3.

Not what reads from it, which signs in with `S3Process.environment`. Run as a program it is the server: it prints its port, and
ends with its standard input. https://docs.getmoto.org/en/latest/docs/server_mode.html
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cr3t/of+a+bucket"
PATIENCE = 60.0  # seconds


class S3Process:
    """One server. A context manager: it ends the process it started."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.s3_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a line for each request
        )
        assert self._process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate(timeout=PATIENCE)

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells botocore's clients where it is and who they are; its looks for credentials elsewhere are off."""
        return {**self.without_credentials, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET}

    @property
    def without_credentials(self) -> Mapping[str, str]:
        """The same for somebody who is nobody."""
        nowhere = {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **nowhere,
        }

    def put(self, place: str, data: bytes = b"") -> None:
        """Put an object at `bucket/key`; a name without `/` makes a bucket."""
        somebody = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request"}
        requests.put(f"{self.endpoint}/{place}", data=data, headers=somebody, timeout=PATIENCE).raise_for_status()

    def has(self, place: str) -> bool:
        """Whether there is such an object or bucket."""
        return requests.head(f"{self.endpoint}/{place}", timeout=PATIENCE).ok

    def refuse_everybody(self) -> None:
        """From now on let nobody do anything: no user has been made who may."""
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data="0", timeout=PATIENCE).raise_for_status()


def main() -> None:
    """Serve until standard input ends."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
