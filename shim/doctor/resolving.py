"""Expressions followed to what they stand for: dotted paths of modules and their members, texts, and dicts of arguments.

Not the uses found (`scanning`). `getattr` with a literal, `import_module`, `sys.modules[…]`, choices (`a if b else c`, `a or b`)
and attributes that an object was given (set, in its class, as an option's default) are followed; a variable name in a `getattr`
is not, and `scanning` tells it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from shim.compat.v0_names import NAMES, RESOURCES
from shim.doctor.libraries import THIRD_PARTY
from shim.doctor.scopes import MOST_MEANINGS, FunctionLike, Scope, scope_of, scoped

_FOLLOWED_CALLS = frozenset({"getattr", "import_module", "__import__"})
_SAME_WORD = frozenset({"lower", "strip", "casefold"})
_DEFAULTS = frozenset({"getenv", "get", "environ.get", "pop", "setdefault"})
_GIVING = (
    *(ast.Import, ast.ImportFrom, ast.Call, ast.ClassDef, *FunctionLike),
    *(ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension),
)
_SUPER = "super()"  # no name that code can have
_LITERALS = (ast.Tuple, ast.List, ast.Set)
_DEPTH = 40  # of expressions in expressions; deeper ones are generated, and stand for no module


def _given(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement gives to which targets; a loop over a literal gives each of its elements."""
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)) and isinstance(node.iter, _LITERALS):
        yield from ((node.target, element) for element in node.iter.elts)


def _is_followed(path: str) -> bool:
    """Whether an attribute that was given this is followed: the module and its classes are, a setting's value is not."""
    return path == "openai" or any(part in RESOURCES for part in path.split(".")[1:])


def _exported(module: str) -> Iterator[str]:
    """The names a star brings from openai or a module of it."""
    head, _, below = module.partition(".")
    if head == "openai":
        start = f"{below}." if below else ""
        yield from (rest for name in NAMES if name.startswith(start) and "." not in (rest := name[len(start) :]))


def _member_of(path: str, name: str) -> str:
    """A member of a path; a module called openai of another package hands on openai's own names, and has others of its own."""
    return f"openai.{name}" if path.endswith(".openai") and name in NAMES else f"{path}.{name}"


class Resolver:
    """Knows what the names of one module stand for; `nodes` are all of its tree, each with its scope, outer before inner."""

    def __init__(self, tree: ast.Module) -> None:
        self.top = Scope()
        self.attributes: dict[str, list[str]] = {}
        self.attribute_texts: dict[str, list[str]] = {}
        self.nodes = scoped(tree, top=self.top)
        self._classes = {
            node.name: (scope_of(node, scope), node.bases)
            for node, scope in self.nodes
            if isinstance(node, ast.ClassDef)
        }
        giving = [(node, scope) for node, scope in self.nodes if isinstance(node, _GIVING)]
        for _ in range(2):  # a name may be used in a line above the one that gives it
            for node, scope in giving:
                self._note(node, scope)

    # -- what names are given

    def _note(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                scope.bind(alias.asname or top, alias.name if alias.asname else top)
        elif isinstance(node, ast.ImportFrom):
            self._note_import_from(node, scope)
        elif isinstance(node, FunctionLike):
            self._note_defaults(node, scope)
        elif isinstance(node, ast.Call):
            self._note_call(node, scope)
        elif isinstance(node, ast.ClassDef):
            for path in self._any(node.bases, scope, depth=0):
                scope_of(node, scope).bind(_SUPER, path)
        else:
            for target, value in _given(node):
                self._give(target, value, scope=scope)

    def _note_import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                for name in _exported(module):
                    scope.bind(name, f"{module}.{name}")
            elif alias.name == "openai" and module.partition(".")[0] not in ("openai", *THIRD_PARTY):
                scope.bind(alias.asname or "openai", "openai")  # handed on by a module of the program's own
            else:
                scope.bind(alias.asname or alias.name, f"{module}.{alias.name}")

    def _note_defaults(self, node: ast.AST, scope: Scope) -> None:
        arguments: ast.arguments = node.args  # type: ignore[attr-defined]  # all of FunctionLike have them
        inner = scope_of(node, scope)
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        pairs += [
            (arg, default) for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default
        ]
        for argument, default in pairs:
            self._give(ast.Name(argument.arg), default, scope=inner, value_scope=scope)

    def _note_call(self, node: ast.Call, scope: Scope) -> None:
        """`params.update(…)` and `params.setdefault("x", …)` give entries to a dict; `add_argument` gives a default."""
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "add_argument":
            self._note_option(node, scope)
            return
        if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
            return
        entries = scope.dict_of(function.value.id)
        if entries is None:
            return
        if function.attr == "update":
            for keyword in node.keywords:
                if keyword.arg is not None:
                    entries[0].setdefault(keyword.arg, keyword.value)
            for argument in node.args:
                if isinstance(argument, ast.Dict):
                    self.add_entries(entries[0], argument)
                else:
                    self._open(function.value.id, scope)
        elif function.attr == "setdefault" and len(node.args) == 2 and isinstance(node.args[0], ast.Constant):
            entries[0].setdefault(str(node.args[0].value), node.args[1])

    def _note_option(self, node: ast.Call, scope: Scope) -> None:
        """`parser.add_argument("--model", default="gpt-4")`: the attribute `model` of what is parsed may be that text."""
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        named = keywords["dest"] if "dest" in keywords else next(reversed(node.args), None)
        if isinstance(named, ast.Constant) and "default" in keywords:
            self._give_text(str(named.value).lstrip("-").replace("-", "_"), keywords["default"], scope=scope)

    def _open(self, name: str, scope: Scope) -> None:
        holder = next(each for each in scope.outward() if name in each.dicts)
        holder.open_dicts.add(name)

    def add_entries(self, entries: dict[str, ast.expr], node: ast.Dict) -> bool:
        """Add a dict literal's entries; whether its keys are all known."""
        whole = True
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                entries.setdefault(key.value, value)
            else:
                whole = False
        return whole

    def _give(self, target: ast.expr, value: ast.expr, *, scope: Scope, value_scope: Scope | None = None) -> None:
        where = value_scope or scope
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._give(one, other, scope=scope, value_scope=value_scope)
        elif isinstance(target, ast.Name):
            self._give_name(target.id, value, scope=scope, where=where)
        elif isinstance(target, ast.Attribute):
            self._give_attribute(target.attr, value, scope=where)
            self._give_text(target.attr, value, scope=where)
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            self._give_entry(target, value, scope=scope)

    def _give_name(self, name: str, value: ast.expr, *, scope: Scope, where: Scope) -> None:
        for path in self.paths(value, where):
            scope.bind(name, path)
            if scope.is_class and path.startswith("openai"):
                self._give_attribute(name, value, scope=where)
        if scope.is_class:
            self._give_text(name, value, scope=where)
        texts = scope.texts.setdefault(name, []) if (found := self.texts(value, where)) else []
        texts.extend([text for text in found if text not in texts][: MOST_MEANINGS - len(texts)])
        if isinstance(value, ast.Dict):
            entries = scope.dicts.setdefault(name, {})
            if not self.add_entries(entries, value):
                scope.open_dicts.add(name)
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
            entries = scope.dicts.setdefault(name, {})
            for keyword in value.keywords:
                if keyword.arg is not None:
                    entries.setdefault(keyword.arg, keyword.value)
            if value.args or any(keyword.arg is None for keyword in value.keywords):
                scope.open_dicts.add(name)

    def _give_attribute(self, name: str, value: ast.expr, *, scope: Scope) -> None:
        found = [path for path in self.paths(value, scope) if _is_followed(path)]
        known = self.attributes.setdefault(name, []) if found else []
        known.extend(path for path in found if path not in known)

    def _give_text(self, name: str, value: ast.expr, *, scope: Scope) -> None:
        found = self.texts(value, scope)
        holder = next((each for each in scope.around() if each.is_class), None)
        for texts in (self.attribute_texts, holder.own_texts if holder else {}):
            known = texts.setdefault(name, []) if found else []
            known.extend([text for text in found if text not in known][: MOST_MEANINGS - len(known)])

    def _give_entry(self, target: ast.Subscript, value: ast.expr, *, scope: Scope) -> None:
        key = target.slice.value if isinstance(target.slice, ast.Constant) else None
        if not isinstance(key, str):
            return
        self._give_attribute(key, value, scope=scope)  # values["client"] = …, which pydantic makes an attribute
        entries = scope.dict_of(target.value.id) if isinstance(target.value, ast.Name) else None
        if entries is not None:
            entries[0].setdefault(key, value)

    # -- what expressions stand for

    def paths(self, node: ast.expr, scope: Scope, *, depth: int = 0) -> list[str]:
        """The dotted paths an expression may stand for; empty where it stands for nothing known."""
        if depth > _DEPTH:
            return []
        if isinstance(node, ast.Name):
            return scope.paths_of(node.id)
        if isinstance(node, ast.Attribute):
            return self._member(node, scope, depth=depth)
        if isinstance(node, ast.IfExp):
            return self._any((node.body, node.orelse), scope, depth=depth)
        if isinstance(node, ast.BoolOp):
            return self._any(node.values, scope, depth=depth)
        if isinstance(node, ast.NamedExpr):
            return self.paths(node.value, scope, depth=depth + 1)
        if isinstance(node, ast.Call):
            return self._called(node, scope, depth=depth)
        if isinstance(node, ast.Subscript):
            return self._entry(node, scope, depth=depth)
        return []

    def _any(self, nodes: Iterable[ast.expr], scope: Scope, *, depth: int) -> list[str]:
        return [path for node in nodes for path in self.paths(node, scope, depth=depth + 1)]

    def _member(self, node: ast.Attribute, scope: Scope, *, depth: int) -> list[str]:
        module = node.value
        if isinstance(module, ast.Attribute) and module.attr == "openai" and self._is_handed_on(module, scope):
            return [f"openai.{node.attr}"] if node.attr in NAMES else []
        base = self.paths(node.value, scope, depth=depth + 1)
        if base:
            return [_member_of(path, node.attr) for path in base]
        return list(self.attributes.get(node.attr, ()))

    def _is_handed_on(self, node: ast.Attribute, scope: Scope) -> bool:
        """Whether `module.openai` may be openai as another module imported it; its members' names tell whether it is."""
        base = self.paths(node.value, scope)
        return bool(base) and not any(path.startswith(("openai", "langchain", "llama_index")) for path in base)

    def _called(self, node: ast.Call, scope: Scope, *, depth: int) -> list[str]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "super" and not node.args:
            return next((each.paths[_SUPER] for each in scope.around() if _SUPER in each.paths), [])
        if name not in _FOLLOWED_CALLS or not node.args:
            return []
        if name == "getattr":
            members = self.texts(node.args[1], scope) if len(node.args) > 1 else []
            return [
                f"{path}.{member}" for path in self.paths(node.args[0], scope, depth=depth + 1) for member in members
            ]
        return [text if name == "import_module" else text.partition(".")[0] for text in self.texts(node.args[0], scope)]

    def _entry(self, node: ast.Subscript, scope: Scope, *, depth: int) -> list[str]:
        if not isinstance(node.slice, ast.Constant) or not isinstance(node.slice.value, str):
            return []
        if self.paths(node.value, scope, depth=depth + 1) == ["sys.modules"]:
            return [node.slice.value]
        return list(self.attributes.get(node.slice.value, ()))

    def texts(self, node: ast.expr, scope: Scope, *, depth: int = 0) -> list[str]:
        """The literal texts an expression may have: its own, a constant's, an attribute's, and the default of a setting."""
        if depth > _DEPTH:
            return []
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.Name):
            return list(scope.texts_of(node.id))
        if isinstance(node, ast.Attribute):
            return list(self._attribute_texts(node, scope).get(node.attr, ()))
        if isinstance(node, ast.Subscript):
            return self._entry_texts(node, scope, depth=depth)
        if isinstance(node, ast.IfExp):
            return [*self.texts(node.body, scope, depth=depth + 1), *self.texts(node.orelse, scope, depth=depth + 1)]
        if isinstance(node, ast.BoolOp):
            return [text for each in node.values for text in self.texts(each, scope, depth=depth + 1)]
        return self._called_texts(node, scope, depth=depth) if isinstance(node, ast.Call) else []

    def _attribute_texts(self, node: ast.Attribute, scope: Scope) -> dict[str, list[str]]:
        """Where to look for an attribute's texts: in its class and those below it where that is known, anywhere else."""
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        if name in self._classes:
            holder: Scope | None = self._classes[name][0]
        elif name in ("self", "cls"):
            holder = next((each for each in scope.around() if each.is_class), None)
        else:
            return self.attribute_texts
        for _ in range(MOST_MEANINGS):
            if holder is None or node.attr in holder.own_texts:
                break
            bases = next((bases for each, bases in self._classes.values() if each is holder), [])
            names = [base.id for base in bases if isinstance(base, ast.Name) and base.id in self._classes]
            holder = self._classes[names[0]][0] if names else None
        return holder.own_texts if holder is not None else {}

    def _called_texts(self, node: ast.Call, scope: Scope, *, depth: int) -> list[str]:
        """Of a word that is only written otherwise, and of a setting's default."""
        if isinstance(node.func, ast.Attribute) and not node.args:
            return self.texts(node.func.value, scope, depth=depth + 1) if node.func.attr in _SAME_WORD else []
        if isinstance(node.func, ast.Attribute) and len(node.args) == 2:
            return self.texts(node.args[1], scope, depth=depth + 1) if node.func.attr in _DEFAULTS else []
        return []

    def _entry_texts(self, node: ast.Subscript, scope: Scope, *, depth: int) -> list[str]:
        """Of an entry of a dict that stands in the module."""
        known = scope.dict_of(node.value.id) if isinstance(node.value, ast.Name) else None
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if known is None or not isinstance(key, str) or key not in known[0]:
            return []
        return self.texts(known[0][key], scope, depth=depth + 1)
