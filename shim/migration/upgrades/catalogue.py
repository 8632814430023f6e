"""The upgrades by name, in the order they are applied, and the gate behind them that lets nothing unsayable pass.

Not the forms of functions (`functions`) and of prompts (`completions`), not what is known of models (`models`).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from shim.migration.upgrades.change import Fields, Undo, UpgradeDraft
from shim.migration.upgrades.completions import COMPLETION_TO_CHAT, completion_to_chat
from shim.migration.upgrades.functions import TO_FUNCTIONS, TO_TOOLS, functions_to_tools, tools_to_functions
from shim.migration.upgrades.no_ops import is_no_op
from shim.wire.model_names import refuses_tools_with_reasoning
from shim.wire.responses.request import CHAT_ONLY_FIELDS


class Upgrade(Struct, frozen=True, kw_only=True):
    """One change a request may need.

    Attributes:
        name: what it is asked for by.
        summary: what it does, in a sentence.
        undone: what of it is undone in the answer; "" where nothing is to undo.
        keeps_meaning: whether the request asks for the same after it; where not, a person decides.
        apply: does it to a draft that needs it, and nothing to any other.
    """

    name: str
    summary: str
    undone: str = ""
    keeps_meaning: bool
    apply: Callable[[UpgradeDraft], None]


def _engine_to_model(draft: UpgradeDraft) -> None:
    for name in ("engine", "deployment_id"):
        engine = draft.fields.get(name)
        if not isinstance(engine, str):
            continue
        if draft.fields.get("model") not in (None, engine):
            draft.refuse(
                name, f"is {engine!r} and model {draft.fields['model']!r}; keep one of them", by="engine-to-model"
            )
            return
        reason = "The addresses /engines/NAME/… serve none of today's models; the body names the model."
        draft.drop(name, by="engine-to-model", reason=reason)
        draft.set("model", engine, by="engine-to-model", reason=reason)


def _model_successor(draft: UpgradeDraft) -> None:
    by, asked, facts = "model-successor", draft.model, draft.facts
    if asked is None or "model" not in draft.fields:
        return
    given = draft.target.successors.get(asked)
    if given is None and (facts is None or not facts.is_retired(draft.today)):
        return
    successor = given or (facts.successor if facts else None)
    if successor is None:
        draft.refuse("model", f"{asked!r} is shut down and has no known successor; name one in successors=", by=by)
        return
    if given is None and facts is not None and asked != facts.name and ":" in asked:
        draft.refuse("model", f"{asked!r} is tuned, and no successor has its tuning; name one in successors=", by=by)
        return
    if draft.fields.get("logit_bias"):
        draft.refuse(
            "logit_bias",
            f"holds token numbers of {asked!r}, which mean other words to {successor!r}; leave it out",
            by=by,
        )
    shut = (
        f"{asked} was shut down on {facts.retires}"
        if facts and facts.is_retired(draft.today)
        else f"{asked} is to be replaced"
    )
    draft.set("model", successor, by=by, reason=f"{shut} ({facts.source if facts else 'as successors= says'}).")
    if draft.target.restore_model:
        draft.undo_answer.append(_model_again(asked))
        draft.undo_chunk.append(lambda: _model_again(asked))


def _model_again(asked: str) -> Undo:
    def undo(answer: Fields) -> Fields:
        return answer | {"model": asked} if "model" in answer else answer

    return undo


def _reasoning_off(draft: UpgradeDraft) -> None:
    facts = draft.facts
    if facts is None or not facts.can_stop_reasoning or "reasoning_effort" in draft.fields:
        return
    if facts.reasons_by_default:
        reason = f"{facts.name} thinks before it answers unless told not to; the model before it did not."
        draft.set("reasoning_effort", "none", by="reasoning-off", reason=reason)


def _system_to_developer(draft: UpgradeDraft) -> None:
    messages = draft.fields.get("messages")
    if not isinstance(messages, (list, tuple)):
        return
    written = [
        each | {"role": "developer"} if isinstance(each, dict) and each.get("role") == "system" else each
        for each in messages
    ]
    if written != list(messages):
        reason = "Reasoning models know the role as developer."
        draft.set("messages", written, by="system-to-developer", reason=reason)


def _max_completion_tokens(draft: UpgradeDraft) -> None:
    by, fields = "max-completion-tokens", draft.fields
    if draft.endpoint != "chat/completions" or "max_tokens" not in fields:
        return
    limit, newer = fields["max_tokens"], fields.get("max_completion_tokens")
    if newer is not None and limit not in (None, newer):
        draft.refuse("max_tokens", f"is {limit!r} and max_completion_tokens {newer!r}; keep one of them", by=by)
        return
    reason = "Newer models refuse max_tokens; the new name's limit counts reasoning, too."
    draft.drop("max_tokens", by=by, reason=reason)
    if newer is None and limit is not None:
        draft.set("max_completion_tokens", limit, by=by, reason=reason)


def _no_op_values(draft: UpgradeDraft) -> None:
    for name in list(draft.fields):
        if _is_unsayable(draft, name) and is_no_op(name, draft.fields[name]):
            draft.drop(
                name, by="no-op-values", reason=f"{_who(draft, name)} refuses the field, and the value is the default."
            )


_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")


def _refused_sampling(draft: UpgradeDraft) -> None:
    for name in _SAMPLING:
        if name in draft.fields and _is_unsayable(draft, name) and not is_no_op(name, draft.fields[name]):
            reason = f"{_who(draft, name)} takes only its default; answers will vary as they do by default."
            draft.drop(name, by="refused-sampling", reason=reason)


def _is_unsayable(draft: UpgradeDraft, name: str) -> bool:
    if draft.target.api == "responses" and name in CHAT_ONLY_FIELDS:
        return True
    return draft.refuses(name)


def _who(draft: UpgradeDraft, name: str) -> str:
    return str(draft.model) if draft.refuses(name) else "The Responses API"


_CATALOGUE = (
    Upgrade(
        name="engine-to-model",
        summary="Name the model in the body instead of the address.",
        keeps_meaning=True,
        apply=_engine_to_model,
    ),
    Upgrade(
        name="model-successor",
        summary="Ask the successor where a model is shut down.",
        undone="With restore_model the answer names the model asked for.",
        keeps_meaning=False,
        apply=_model_successor,
    ),
    Upgrade(
        name=COMPLETION_TO_CHAT,
        summary="Say a Completions prompt as a chat's user message.",
        undone="The answer comes back as a text_completion.",
        keeps_meaning=False,
        apply=completion_to_chat,
    ),
    Upgrade(
        name=TO_TOOLS,
        summary="Say functions and function_call as tools.",
        undone="The answer's call comes back as function_call.",
        keeps_meaning=True,
        apply=functions_to_tools,
    ),
    Upgrade(
        name=TO_FUNCTIONS,
        summary="Say tools as functions, for a server older than tools.",
        undone="The answer's call comes back among tool_calls.",
        keeps_meaning=True,
        apply=tools_to_functions,
    ),
    Upgrade(
        name="system-to-developer",
        summary="Call the system role developer.",
        keeps_meaning=True,
        apply=_system_to_developer,
    ),
    Upgrade(
        name="reasoning-off",
        summary="Ask a model that can to answer without reasoning.",
        keeps_meaning=False,
        apply=_reasoning_off,
    ),
    Upgrade(
        name="max-completion-tokens",
        summary="Call max_tokens max_completion_tokens.",
        keeps_meaning=True,
        apply=_max_completion_tokens,
    ),
    Upgrade(
        name="no-op-values",
        summary="Leave out refused fields that ask for the default.",
        keeps_meaning=True,
        apply=_no_op_values,
    ),
    Upgrade(
        name="refused-sampling",
        summary="Leave out temperature, top_p and penalties that the model refuses.",
        keeps_meaning=False,
        apply=_refused_sampling,
    ),
)
UPGRADES: dict[str, Upgrade] = {each.name: each for each in _CATALOGUE}
"""Name -> upgrade, in the order they are applied, whatever the order they are asked for in."""


# Field -> the upgrade that helps, where one does.
_HELP = {
    "functions": TO_TOOLS,
    "function_call": TO_TOOLS,
    "max_tokens": "max-completion-tokens",
    "prompt": COMPLETION_TO_CHAT,
} | dict.fromkeys(_SAMPLING, "refused-sampling")
_WITHOUT_UPGRADE = {
    "n": "send the request several times",
    "stop": "cut the text at the word yourself",
    "logit_bias": "leave it out",
    "logprobs": "leave it out",
    "top_logprobs": "leave it out",
    "seed": "leave it out",
    "parallel_tool_calls": "leave it out",
}


def gate(draft: UpgradeDraft) -> None:
    """Refuse by name what the target is known to refuse, after the upgrades had their say."""
    for name, value in draft.fields.items():
        if value is None or (is_no_op(name, value) and not _is_refused_always(draft, name)):
            continue
        if _is_unsayable(draft, name) or (draft.target.api == "responses" and name in ("functions", "function_call")):
            who = _who(draft, name)
            helped = f"apply {_HELP[name]!r}" if name in _HELP else _WITHOUT_UPGRADE.get(name, "leave it out")
            draft.refuse(name, f"is refused by {who}; {helped}, or choose another model")
    if draft.target.api == "chat_completions" and refuses_tools(draft):
        draft.refuse(
            "tools", f"are refused by {draft.model} beside reasoning; apply 'reasoning-off', or use the Responses API"
        )
    _check_endpoint(draft)


def refuses_tools(draft: UpgradeDraft) -> bool:
    """Whether Chat Completions would refuse the draft's tools because the model reasons."""
    if not draft.fields.get("tools") or draft.model is None or draft.fields.get("reasoning_effort") == "none":
        return False
    return refuses_tools_with_reasoning(draft.model)


def _is_refused_always(draft: UpgradeDraft, name: str) -> bool:
    return draft.facts is not None and name in draft.facts.refuses_all


def _check_endpoint(draft: UpgradeDraft) -> None:
    facts = draft.facts
    if facts is None:
        return
    if facts.is_retired(draft.today):
        draft.refuse(
            "model", f"{draft.model!r} was shut down on {facts.retires} ({facts.source}); apply 'model-successor'"
        )
    elif draft.endpoint == "completions" and "completions" not in facts.endpoints:
        draft.refuse(
            "prompt", f"cannot be sent to {draft.model!r}, which is no Completions model; apply 'completion-to-chat'"
        )
    elif draft.endpoint == "chat/completions" and not {"chat/completions", "responses"} & set(facts.endpoints):
        draft.refuse("messages", f"cannot be sent to {draft.model!r}, which is no chat model; name another model")
