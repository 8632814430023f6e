"""Tests of the arguments of calls: what is refused, dicts behind `**`, wrappers, engines, Azure, unknown values."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from shim.doctor import Finding, Support, examine
from tests.doctor.conftest import TODAY, Found


def told(findings: list[Finding]) -> dict[str, tuple[Support, str]]:
    """Arguments and models: name -> standing and upgrade."""
    return {each.name: (each.standing, each.upgrade) for each in findings if each.kind in ("argument", "model")}


OLD_CALL: dict[str, tuple[Support, str]] = {
    "gpt-3.5-turbo-0613": (Support.UPGRADE, "model-successor"),
    "functions": (Support.UPGRADE, "functions-to-tools"),
    "reasoning_effort": (Support.UPGRADE, "reasoning-off"),
    "temperature": (Support.UPGRADE, "refused-sampling"),
    "max_tokens": (Support.UPGRADE, "max-completion-tokens"),
    "stop": (Support.HAND, ""),
}
CALLS = {
    "keywords": """
        openai.ChatCompletion.create(model="gpt-3.5-turbo-0613", messages=m, functions=f, temperature=0,
                                     presence_penalty=0, max_tokens=9, stop=["x"], n=1)
        """,
    "a dict": """
        params = {"model": "gpt-3.5-turbo-0613", "temperature": 0, "presence_penalty": 0, "stop": ["x"]}
        params["functions"] = f
        params.update(max_tokens=9)
        openai.ChatCompletion.create(messages=m, **params)
        """,
    "a dict in place": """
        openai.ChatCompletion.create(**{"model": "gpt-3.5-turbo-0613", "temperature": 0, "presence_penalty": 0,
                                        **{"stop": ["x"], "functions": f, "max_tokens": 9}})
        """,
    "dict()": """
        kw = dict(model="gpt-3.5-turbo-0613", temperature=0, presence_penalty=0, stop=["x"], functions=f, max_tokens=9)
        openai.ChatCompletion.create(**kw)
        """,
    "constants": """
        MODEL = os.environ.get("MODEL", os.getenv("OTHER", "gpt-3.5-turbo-0613")).lower()
        def ask():
            openai.ChatCompletion.create(model=MODEL, functions=f, temperature=0, presence_penalty=0, max_tokens=9, stop=["x"])
        """,
    "an attribute": """
        class Bot:
            def __init__(self, model="gpt-3.5-turbo-0613"):
                self.model = model
            def ask(self):
                openai.ChatCompletion.create(model=self.model, functions=f, temperature=0, presence_penalty=0, max_tokens=9,
                                             stop=["x"])
        """,
    "a class attribute": """
        class Settings:
            model = "gpt-3.5-turbo-0613"
        openai.ChatCompletion.create(model=Settings.model, functions=f, temperature=0, presence_penalty=0, max_tokens=9,
                                     stop=["x"])
        """,
    "an option's default": """
        parser.add_argument("-m", "--chat-model", default="gpt-3.5-turbo-0613")
        args = parser.parse_args()
        openai.ChatCompletion.create(model=args.chat_model, functions=f, temperature=0, presence_penalty=0, max_tokens=9,
                                     stop=["x"])
        """,
    "an entry of a table": """
        MODELS = {"chat": "gpt-3.5-turbo-0613"}
        openai.ChatCompletion.create(model=MODELS["chat"], functions=f, temperature=0, presence_penalty=0, max_tokens=9,
                                     stop=["x"])
        """,
    "a wrapper": """
        def ask(**kwargs):
            return openai.ChatCompletion.create(**kwargs)
        ask(model="gpt-3.5-turbo-0613", functions=f, temperature=0, presence_penalty=0, max_tokens=9, stop=["x"])
        """,
    "an executor": """
        run(openai.ChatCompletion.acreate, model="gpt-3.5-turbo-0613", functions=f, temperature=0, presence_penalty=0,
            max_tokens=9, stop=["x"])
        """,
}


@pytest.mark.parametrize("form", CALLS)
def test_what_a_call_needs_is_told_however_it_is_written(found: Found, form: str) -> None:
    """The arguments of one call need the same, wherever they stand."""
    assert told(found("import openai, os\n" + dedent(CALLS[form]))) == OLD_CALL


def test_an_attribute_is_that_of_its_own_class(found: Found) -> None:
    """What `self.model` may be is told by its class and those below it, not by another that has one of that name."""
    program = """
        import openai
        class Base:
            model = "o1"
        class Bot(Base):
            def ask(self): openai.ChatCompletion.create(model=self.model, messages=m, temperature=0)
        class Other:
            def __init__(self, model): self.model = model
            def ask(self): openai.ChatCompletion.create(model=self.model, messages=m, temperature=0)
        """
    assert [each.place.line for each in found(program) if each.name == "temperature"] == [6]


def test_each_is_told_at_its_own_place(found: Found) -> None:
    """An argument's place is that of its value, and the reason names the model that refuses it."""
    (finding,) = [
        each
        for each in found('import openai\nopenai.ChatCompletion.create(\n  model="o1",\n  temperature=0.2)\n')
        if each.name == "temperature"
    ]
    assert (finding.place.line, finding.place.column) == (4, 15)
    assert finding.reason.startswith("gpt-5.6-sol takes only its default")
    assert "(upgrade refused-sampling)" in finding.remedy


def test_a_value_only_running_tells_is_told_with_care(found: Found) -> None:
    """Of a variable it is said that it may need something, not that it does."""
    findings = found(
        'import openai\nopenai.ChatCompletion.create(model="gpt-4", messages=m, temperature=t, stop=s, n=k)\n'
    )
    reasons = {each.name: each.reason for each in findings}
    assert reasons["temperature"].startswith("Unless the value is the default: ")
    assert reasons["stop"].startswith("Unless the value is the default, ")
    assert "n" not in reasons


def test_a_completion_becomes_a_chat(found: Found) -> None:
    """A Completion call to a model that is gone needs the chat form, and what a chat cannot say needs a hand."""
    program = """
        import openai
        openai.Completion.create(engine="text-davinci-003", prompt=p, suffix="x", best_of=2, echo=True, logprobs=3)
        """
    findings = told(found(program))
    assert findings["prompt"] == (Support.UPGRADE, "completion-to-chat")
    assert findings["engine"] == (Support.UPGRADE, "engine-to-model")
    assert findings["echo"] == (Support.UPGRADE, "completion-to-chat")
    assert {name for name, (standing, _) in findings.items() if standing is Support.HAND} == {
        "suffix",
        "best_of",
        "logprobs",
    }


@pytest.mark.parametrize("azure", ['openai.api_type = "azure"', 'BASE = "https://x.openai.azure.com"'])
def test_on_azure_an_engine_is_a_deployment(found: Found, azure: str) -> None:
    """On Azure the engine names a deployment: it stays, and no model is judged by it."""
    program = f'import openai\n{azure}\nopenai.ChatCompletion.create(engine="gpt-4", messages=m, temperature=0)\n'
    assert {name for name, (standing, _) in told(found(program)).items() if standing is not Support.SUPPORTED} == set()


def test_unknown_models_are_said_to_be_unknown(found: Found) -> None:
    """Of a model without a row nothing is guessed, and that is told."""
    program = 'import openai\nopenai.ChatCompletion.create(model="llama", messages=m, temperature=0, stop="x")\n'
    assert told(found(program)) == {"llama": (Support.SUPPORTED, "")}


def test_a_call_that_needs_nothing_is_quiet(found: Found) -> None:
    """A model that takes all that is sent needs nothing, and its last day is told where it is known."""
    program = (
        'import openai\nopenai.ChatCompletion.create(model="gpt-4o", messages=m, temperature=0, max_tokens=5, n=2)\n'
    )
    assert told(found(program)) == {"gpt-4o": (Support.SUPPORTED, "")}


def test_arguments_behind_stars_are_told_as_unseen(found: Found) -> None:
    """What hides behind `**` is said not to be read."""
    findings = found("import openai\nopenai.ChatCompletion.create(**settings())\n")
    assert [(each.kind, each.name) for each in findings if each.kind == "unseen"] == [("unseen", "**")]


def test_timeout_is_explained(found: Found) -> None:
    """`timeout=` is told to be no HTTP timeout."""
    (finding,) = [
        each
        for each in found("import openai\nopenai.ChatCompletion.create(messages=m, timeout=10)\n")
        if each.name == "timeout"
    ]
    assert (finding.standing, "request_timeout" in finding.remedy) == (Support.SUPPORTED, True)


def test_what_responses_lacks_is_told(tmp_path: Path) -> None:
    """For the Responses API a field it lacks needs a hand, and one that asks for the default is left out by name."""
    (tmp_path / "x.py").write_text(
        "import openai\nopenai.ChatCompletion.create(model='gpt-4.1', messages=m, n=2, stop=None)\n"
    )
    findings = told(examine([tmp_path], today=TODAY, api="responses").findings)
    assert findings["n"] == (Support.HAND, "")
    assert findings["stop"] == (Support.UPGRADE, "no-op-values")
    assert {"n", "stop"}.isdisjoint(told(examine([tmp_path], today=TODAY).findings))
