"""A program as old code has it, for the tests of their runner: it knows openai 0.28 and nothing of this project.

Not a test (`test_programs_v0`).
"""

from __future__ import annotations

import sys

import openai
from openai.error import AuthenticationError


def main() -> None:
    """Ask, print, and end as was asked."""
    question = [{"role": "user", "content": "Count to 3"}]
    print(openai.ChatCompletion.create(model="gpt-4", messages=question)["choices"][0]["message"]["content"])  # noqa: T201 - as it is
    try:
        openai.ChatCompletion.create(model="gpt-4", messages=question, api_key="sk-wrong-wrong-wrong")
    except AuthenticationError as refused:
        sys.exit(f"refused: {refused}")


if __name__ == "__main__":
    main()
