"""Rules for single values of a request: type, range, choice; each raises the error the API sends for it.

Not which parameter has which rule (`chat.validation`, `responses.validation`). Codes and wording shape follow the API's
own errors.
"""

from collections.abc import Callable, Collection, Mapping

from shim.testing.fake_openai.answers import ApiError

Rule = Callable[[str, object], None]


def kind(value: object) -> str:
    """A JSON value's type as the API names it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {
        int: "an integer",
        float: "a decimal",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def wrong_type(name: str, value: object, *, expected: str) -> ApiError:
    """The error for a value of another type."""
    message = f"Invalid type for '{name}': expected {expected}, but got {kind(value)} instead."
    return ApiError(400, message, param=name, code="invalid_type")


def wrong_value(name: str, value: object, *, supported: tuple[str, ...]) -> ApiError:
    """The error for a value outside a closed list."""
    listed = ", ".join(f"'{one}'" for one in supported)
    message = f"Invalid value: '{value}'. Supported values are: {listed}."
    return ApiError(400, message, param=name, code="invalid_value")


def missing(name: str) -> ApiError:
    """The error for a required field that is absent."""
    return ApiError(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def unknown(name: str) -> ApiError:
    """The error for a field the API does not have."""
    return ApiError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def check_fields(body: Mapping[str, object], rules: Mapping[str, Rule], *, required: Collection[str] = ()) -> None:
    """Raise the ApiError for a required field that is absent, one the API does not have, or a value against its rule.

    A field that is null counts as absent.
    """
    for name in required:
        if body.get(name) is None:
            raise missing(name)
    for name, value in body.items():
        rule = rules.get(name)
        if rule is None:
            raise unknown(name)
        if value is not None:
            rule(name, value)


def anything(name: str, value: object) -> None:
    """No rule: the API defines the value, this server does not look at it."""
    del name, value


def number(low: float, high: float) -> Rule:
    """A number between two bounds."""

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong_type(name, value, expected="a decimal")
        _check_range(name, value, low=low, high=high, kind_name="decimal")

    return check


def integer(low: int | None = None, high: int | None = None) -> Rule:
    """A whole number, between bounds where they are given."""

    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, value, expected="an integer")
        _check_range(name, value, low=low, high=high, kind_name="integer")

    return check


def _check_range(name: str, value: float, *, low: float | None, high: float | None, kind_name: str) -> None:
    if low is not None and value < low:
        message = (
            f"Invalid '{name}': {kind_name} below minimum value. Expected a value >= {low}, but got {value} instead."
        )
        raise ApiError(400, message, param=name, code=f"{kind_name}_below_min_value")
    if high is not None and value > high:
        message = (
            f"Invalid '{name}': {kind_name} above maximum value. Expected a value <= {high}, but got {value} instead."
        )
        raise ApiError(400, message, param=name, code=f"{kind_name}_above_max_value")


def boolean() -> Rule:
    """True or false."""
    return _typed(bool, "a boolean")


def thing() -> Rule:
    """A JSON object."""
    return _typed(dict, "an object")


def text(*supported: str) -> Rule:
    """A string, one of those supported where any are given."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str):
            raise wrong_type(name, value, expected="a string")
        if supported and value not in supported:
            raise wrong_value(name, value, supported=supported)

    return check


def array(longest: int | None = None) -> Rule:
    """A JSON array that is not empty, and not longer than `longest`."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, list):
            raise wrong_type(name, value, expected="an array")
        if not value:
            message = f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got [] instead."
            raise ApiError(400, message, param=name, code="empty_array")
        if longest is not None and len(value) > longest:
            message = (
                f"Invalid '{name}': array too long. Expected at most {longest} items, but got {len(value)} instead."
            )
            raise ApiError(400, message, param=name, code="array_above_max_length")

    return check


def listing() -> Rule:
    """A JSON array, empty or not."""
    return _typed(list, "an array")


def any_of(*rules: Rule) -> Rule:
    """A value that satisfies one of the rules; if none, the error of the last one."""

    def check(name: str, value: object) -> None:
        for rule in rules[:-1]:
            try:
                rule(name, value)
            except ApiError:
                continue
            return
        rules[-1](name, value)

    return check


def _typed(wanted: type, expected: str) -> Rule:
    def check(name: str, value: object) -> None:
        if not isinstance(value, wanted):
            raise wrong_type(name, value, expected=expected)

    return check
