"""`python -m tests.fuzz.driver TARGET CORPUS FINDINGS SECONDS`: one target under Atheris, in its environment.

Not the targets (`targets`) nor the running of all of them (`__main__`). Coverage is libFuzzer's, of the code of `shim` alone;
what a target raises ends the run and is kept. Atheris is imported here and nowhere else: the project does not depend on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # only in the environment that `make fuzz` makes

MOST_BYTES = 8192
"""Of an input: the parsers have nothing that begins beyond, and short ones are tried oftener."""
MOST_SECONDS = 10
"""That one input may take."""
MOST_MEGABYTES = 1024

with atheris.instrument_imports(include=["shim"]):
    from tests.fuzz.seeds import seeds_of, words
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Write the seeds where they are missing, and fuzz; what libFuzzer says goes to standard error."""
    target, corpus, findings, seconds = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    dictionary = corpus.parent / "words.dict"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words()), encoding="ascii")
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-artifact_prefix={findings}/{target}-",
            f"-dict={dictionary}",
            f"-max_total_time={seconds}",
            f"-max_len={MOST_BYTES}",
            f"-timeout={MOST_SECONDS}",
            f"-rss_limit_mb={MOST_MEGABYTES}",
            "-print_final_stats=1",
        ],
        TARGETS[target],
    )
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
