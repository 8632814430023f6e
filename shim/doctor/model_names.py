"""The models a module names, in calls and outside of them, and whether they are still there.

Not the table of models (`shim.migration.upgrades`), not what a chat's or completion's arguments need (`arguments`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal, TypeAlias

from shim.compat.v0_names import RESOURCES
from shim.doctor.arguments import Arguments, arguments_of
from shim.doctor.finding import Finding, Support
from shim.doctor.reading import SourceText
from shim.doctor.resolving import Resolver
from shim.doctor.scanning import Use
from shim.migration.upgrades import MODELS, ModelFacts, facts_of

Service: TypeAlias = Literal["openai", "azure", "either"]
"""Whom a module asks: nothing says Azure; it is set to Azure and to nobody else; it may be either."""

_AZURE = re.compile(r"\A\S*openai\.azure\.com\S*\Z|\A(?:azure|azure_ad|azuread)\Z", re.IGNORECASE)
_OPENAI = re.compile(r"api\.openai\.com|\A(?:open_ai|openai)\Z", re.IGNORECASE)
_SAYS_WHOM = re.compile(r"api_type|base|endpoint|url|host|resource|address", re.IGNORECASE)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CONDITIONS = (ast.If, ast.IfExp, ast.Compare, ast.BoolOp, ast.Match)

# Models whose names are words, too: told where what stands around them says that they are models.
_WORDS = frozenset({"ada", "babbage", "curie", "davinci"})
_SAYS_MODEL = re.compile(r"model|engine", re.IGNORECASE)
_VENDORS = ("openai/", "openai:")

_TUNING = frozenset({"FineTune", "FineTuningJob"})
_OF_IMAGES = frozenset({"Image.create", "Image.acreate", "Image.create_edit", "Image.acreate_edit"})
_IMAGE_DEFAULT = "dall-e-2"
# Helpers of 0.28 that name the model in the address -> the one they name where the caller names none.
_HELPERS = {
    "embeddings_utils.get_embedding": "text-similarity-davinci-001",
    "embeddings_utils.aget_embedding": "text-similarity-davinci-001",
    "embeddings_utils.get_embeddings": "text-similarity-babbage-001",
    "embeddings_utils.aget_embeddings": "text-similarity-babbage-001",
}
_BY_ENGINE = frozenset({"Embedding.create", "Embedding.acreate"})
_OF_AZURE = frozenset({"api_type", "api_version", "deployment_id"})
_HIDING = frozenset({"Embedding", "Image", "Moderation", "Audio"})
"""Resources whose calls are told where `**` hides the model."""

ONLY_MODEL: dict[str, str] = {"Image.create_variation": "dall-e-2", "Image.acreate_variation": "dall-e-2"}
"""Name -> the one model its endpoint serves."""

_NO_ENGINE = "The addresses /engines/NAME/… serve none of today's models."
_UNSEEN = "What is behind ** is not read; only running tells whether a model that is gone is named."


def service_of(nodes: Iterable[ast.AST]) -> Service:
    """Whom a module asks, by the words in it; what is set under a condition, or in a function of many, settles nothing."""
    nodes = list(nodes)
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    azure = [node for node in texts if _AZURE.search(str(node.value))]
    if not azure:
        return "openai"
    if any(_OPENAI.search(str(node.value)) for node in texts):
        return "either"
    settled = _settled(nodes)
    loose: set[ast.AST] = set()
    for node in nodes:
        is_loose = isinstance(node, _CONDITIONS) or (isinstance(node, _FUNCTIONS) and node.name != "__init__")
        if is_loose and node not in loose:
            loose.update(ast.walk(node))
    return "azure" if any(node in settled and node not in loose for node in azure) else "either"


def _settled(nodes: Iterable[ast.AST]) -> set[ast.AST]:
    """What is given to a setting that says whom to ask: a type of API, or an address."""
    found: set[ast.AST] = set()
    for node in nodes:
        for name, value in _named_values(node):
            if _SAYS_WHOM.search(name):
                found.update(ast.walk(value))
    return found


class ModelJudge:
    """Judges the models of one module, each place once."""

    def __init__(self, source: SourceText, resolver: Resolver, *, today: date, service: Service) -> None:
        self._source = source
        self._resolver = resolver
        self._today = today
        self._service = service
        self._told: set[tuple[int, int, str]] = set()

    def take_as_told(self, finding: Finding) -> None:
        """A model was told with its call; it is not told again at that place."""
        self._told.add((finding.place.line, finding.place.cell, finding.name))

    def of_call(self, use: Use, path: str) -> Iterator[Finding]:
        """The model of a call that is neither a chat nor a completion; an Azure deployment is none."""
        head = path.partition(".")[0]
        if use.call is None or self._service != "openai" or (head not in RESOURCES and path not in _HELPERS):
            return
        arguments = arguments_of(use, self._resolver)
        tuning = head in _TUNING
        for name in ("model", "engine"):
            if name in arguments.nodes:
                yield from self._models_of(arguments.nodes[name], use, tuning=tuning)
        if use.call.args and head == "Audio":
            yield from self._models_of(use.call.args[0], use, tuning=False)
        yield from self._unsaid(use, path, arguments=arguments)

    def named(self) -> Iterator[Finding]:
        """Models that stand in the code outside of calls: constants, settings, tables."""
        nodes = [node for node, _ in self._resolver.nodes]
        tested, words = _tested(nodes), _words(nodes)
        for node in nodes:
            name = _model_named(node, words)
            if name is not None:
                yield from self._model(name, node, only_tested=node in tested)

    def _models_of(self, node: ast.expr, use: Use, *, tuning: bool) -> Iterator[Finding]:
        for model in self._resolver.texts(node, use.scope):
            yield from self._model(model, node, tuning=tuning)

    def _unsaid(self, use: Use, path: str, *, arguments: Arguments) -> Iterator[Finding]:
        """What a call asks without saying so: a default model, an address with the model in it, or what `**` hides."""
        place = self._source.place(use.node)
        positional = use.call.args if use.call else []
        if path in _HELPERS:
            yield self._engine(
                use, arguments, remedy="Ask openai.Embedding.create with model=, which names it in the body."
            )
            if "engine" not in arguments.nodes and arguments.whole and len(positional) < 2:
                yield from self._default(_HELPERS[path], use)
        elif path in _BY_ENGINE and "engine" in arguments.nodes and not _OF_AZURE & arguments.nodes.keys():
            yield self._engine(use, arguments, remedy="Write model= instead of engine=.")
        if "model" in arguments.nodes and self._resolver.texts(arguments.nodes["model"], use.scope):
            return
        if not arguments.whole and path.partition(".")[0] in _HIDING:
            yield Finding(place, "unseen", "**", Support.SUPPORTED, _UNSEEN, "Look which model it names.")
        elif path in _OF_IMAGES and "model" not in arguments.nodes:
            yield from self._default(_IMAGE_DEFAULT, use)

    def _engine(self, use: Use, arguments: Arguments, *, remedy: str) -> Finding:
        """A model in the address: of a name that only running tells it is said with care, it may be a deployment."""
        node = arguments.nodes.get("engine") or (use.call.args[1] if use.call and len(use.call.args) > 1 else None)
        known = node is None or any(facts_of(text) for text in self._resolver.texts(node, use.scope))
        reason = _NO_ENGINE if known else f"Unless it is a deployment on Azure: {_NO_ENGINE[0].lower()}{_NO_ENGINE[1:]}"
        place = self._source.place(arguments.nodes.get("engine", use.node))
        return Finding(place, "argument", "engine", Support.HAND, reason, remedy)

    def _default(self, model: str, use: Use) -> Iterator[Finding]:
        facts = MODELS[model]
        if facts.is_retired(self._today):
            reason = f"No model is named, and {model}, the default of that time, was shut down on {facts.retires}."
            yield Finding(
                self._source.place(use.node), "model", model, Support.HAND, reason, "Name a model that is there."
            )

    def _model(
        self, model: str, node: ast.AST, *, only_tested: bool = False, tuning: bool = False
    ) -> Iterator[Finding]:
        place = self._source.place(node)
        mark = (place.line, place.cell, model)
        facts = facts_of(model)
        if facts is None or facts.retires is None or mark in self._told:
            return
        self._told.add(mark)
        standing, reason, remedy, upgrade = _fate(facts, self._today, tuning=tuning)
        if only_tested:
            standing, remedy, upgrade = (
                Support.SUPPORTED,
                "It is compared or looked up here, and sent from elsewhere.",
                "",
            )
        elif self._service == "azure":
            standing, remedy, upgrade = Support.SUPPORTED, "", ""
            reason = (
                f"On Azure the deployment decides, with dates of its own; at OpenAI it {reason.removeprefix('It ')}"
            )
        yield Finding(place, "model", model, standing, reason, remedy, upgrade)


def is_only_model_gone(path: str, today: date) -> date | None:
    """The day on which the one model behind a name was shut down; None where it has others, or is there."""
    facts = MODELS[ONLY_MODEL[path]] if path in ONLY_MODEL else None
    return facts.retires if facts is not None and facts.is_retired(today) else None


def _model_named(node: ast.AST, words: set[ast.AST]) -> str | None:
    """The model that a text is the name of, alone or behind a vendor's prefix."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None
    name = node.value
    for vendor in _VENDORS:
        name = name.removeprefix(vendor)
    return name if name in MODELS and (name not in _WORDS or node in words) else None


def _words(nodes: Iterable[ast.AST]) -> set[ast.AST]:
    """Words that are models: given to something that is called so, or in one literal with another model."""
    found: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            found |= _together(node.elts)
        elif isinstance(node, ast.Dict):
            found |= _together(node.values)
            found |= _together([key for key in node.keys if key is not None])
        found.update(value for name, value in _named_values(node) if _SAYS_MODEL.search(name))
    return found


def _together(elements: list[ast.expr]) -> set[ast.AST]:
    models = [each for each in elements if isinstance(each, ast.Constant) and each.value in MODELS]
    return set(models) if len({each.value for each in models}) > 1 else set()


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a node gives to a name: an assignment, a keyword, defaults of parameters, entries of a dict."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((_name_of(target), node.value) for target in targets)
    elif isinstance(node, ast.keyword):
        yield node.arg or "", node.value
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        for argument, default in zip(reversed(positional), reversed(node.defaults), strict=False):
            yield argument.arg, default
        yield from ((arg.arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield str(key.value) if isinstance(key, ast.Constant) else "", value


def _name_of(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript):
        return str(target.slice.value) if isinstance(target.slice, ast.Constant) else ""
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def _tested(nodes: Iterable[ast.AST]) -> set[ast.AST]:
    """Texts that something is compared with, or looked up by: they are sent nowhere from there."""
    found: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.Compare):
            for each in (node.left, *node.comparators):
                found.update(ast.walk(each))
        elif isinstance(node, ast.Dict):
            found.update(key for key in node.keys if key is not None)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith")
        ):
            for each in node.args:
                found.update(ast.walk(each))
    return found


def _fate(facts: ModelFacts, today: date, *, tuning: bool) -> tuple[Support, str, str, str]:
    """Support, reason, remedy and upgrade of a model whose last day is known."""
    if not facts.is_retired(today):
        remedy = f"Plan for {facts.successor}." if facts.successor else ""
        return Support.SUPPORTED, f"It will be shut down on {facts.retires} ({facts.source}).", remedy, ""
    reason = f"It was shut down on {facts.retires} ({facts.source})."
    if tuning:
        return Support.HAND, reason, "Choose a model that can be tuned today; what was tuned from it is gone, too.", ""
    if facts.successor is None:
        return Support.HAND, reason, "Choose another model; the table names no successor.", ""
    by_hand = {
        "embeddings": "Choose {}, and embed again what is stored: vectors of two models do not compare.",
        "edits": "Ask ChatCompletion with {}, the instruction and the text as messages.",
        "moderations": "Name {} instead; the upgrades are for chats and completions alone.",
    }
    for endpoint, remedy in by_hand.items():
        if endpoint in facts.endpoints:
            return Support.HAND, reason, remedy.format(facts.successor), ""
    return Support.UPGRADE, reason, f"Ask {facts.successor} (upgrade model-successor)", "model-successor"
