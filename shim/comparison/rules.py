"""The rules that judge, each in a sentence, and the rules that ignore, each with a reason and an owner.

Not the judging (`compare_wire`, `compare_tee`) nor the declared equivalences (`equivalences`).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from shim.comparison.verdict import Mismatch, Rung

RULES: dict[str, str] = {
    "wire.method": "The method must be the same.",
    "wire.url": "Path and query must be the same, host aliases aside; the order of query parameters does not matter.",
    "wire.header": "Headers a server acts on must be the same; of credentials only the scheme is compared.",
    "wire.body": "Bodies must be the same JSON: key order, white space and escapes aside, null is not absent, arrays keep order.",
    "wire.request": "Two APIs are compared by what they ask of the model: the same `ModelRequest`.",
    "wire.refused": "What the control sent, the candidate must be able to send.",
    "wire.missing": "What is asked in the control's recording must be asked in the candidate's, as often.",
    "wire.added": "What is asked in the candidate's recording must be asked in the control's, as often.",
    "tee.outcome": "An answer must be a response on both sides, or an error on both.",
    "tee.status": "The status must be told the same.",
    "tee.category": "An error must have the same category, and so the same class and retryability.",
    "tee.error": "What the server said of an error must be told the same: message, code, type, param, retry-after.",
    "tee.finish_reason": "Each choice must have ended for the same reason.",
    "tee.text": "Text, reasoning and refusal must be identical.",
    "tee.tool_calls": "Tool calls must have the same ids, names and order, and arguments that are the same JSON.",
    "tee.usage": "Tokens must be counted the same, field by field.",
    "tee.response": "Everything else of the response must be told the same.",
    "tee.events": "The events must be the same in the same order.",
    "tee.granularity": "The pieces must be cut at the same places.",
}
"""Name -> the rule as a sentence."""


class IgnoreRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A difference that is known and accepted.

    Attributes:
        path: a pattern of paths (`*` and `?`), such as `header.user-agent` or `response.usage.*`.
        reason: why it may differ.
        owner: who answers for that.
        rule: a pattern of rules it is limited to.
        rung: the rung it is limited to; None for both.
    """

    path: str
    reason: str
    owner: str
    rule: str = "*"
    rung: Rung | None = None

    def __post_init__(self) -> None:
        for name in ("path", "reason", "owner"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(
                    f"an ignore rule's {name} is empty; every rule says what it covers, why, and who owns it"
                )

    def covers(self, mismatch: Mismatch, *, rung: Rung) -> bool:
        """Whether it covers a mismatch; `[` in a pattern stands for itself, as paths have indices."""
        escaped = self.path.replace("[", "[[]")
        return (
            self.rung in (None, rung) and fnmatchcase(mismatch.path, escaped) and fnmatchcase(mismatch.rule, self.rule)
        )

    def __str__(self) -> str:
        return f"{self.reason} (owner: {self.owner})"
