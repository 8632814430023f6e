"""Tests of the models a module names: in calls, in settings and tables, on Azure, and where none is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shim.doctor import Finding, Support
from tests.doctor.conftest import Found


def models(findings: list[Finding]) -> dict[str, Support]:
    """The models told, with their standings."""
    return {each.name: each.standing for each in findings if each.kind == "model"}


@pytest.mark.parametrize(
    ("call", "model", "standing"),
    [
        (
            'Embedding.create(model="text-similarity-davinci-001", input=x)',
            "text-similarity-davinci-001",
            Support.HAND,
        ),
        ('Embedding.create(engine="text-embedding-ada-002", input=x)', None, None),
        ('Audio.transcribe("whisper-1", f)', "whisper-1", Support.SUPPORTED),
        ('Image.create(model="dall-e-3", prompt=p)', "dall-e-3", Support.HAND),
        ('Edit.create(model="text-davinci-edit-001", input=x)', "text-davinci-edit-001", Support.HAND),
        ('Moderation.create(x, model="text-moderation-latest")', "text-moderation-latest", Support.HAND),
        ('FineTuningJob.create(training_file=x, model="gpt-3.5-turbo")', "gpt-3.5-turbo", Support.HAND),
        ('FineTune.create(training_file=x, model="curie")', "curie", Support.HAND),
        ("Image.create(prompt=p, n=1)", "dall-e-2", Support.HAND),
        ("Image.create(prompt=p, model=chosen)", None, None),
        ("Image.create(**fields)", None, None),
    ],
)
def test_models_of_other_calls_are_judged(found: Found, call: str, model: str | None, standing: Any) -> None:
    """A model that is gone, or will be, is told in every kind of call."""
    findings = found(f"import openai\nopenai.{call}\n")
    assert models(findings) == ({} if model is None else {model: standing})
    assert all(each.upgrade == "" for each in findings if each.kind == "model")


def test_models_in_constants_and_tables_are_told_apart(found: Found) -> None:
    """A model in a setting is sent from there; one that is compared or looked up is not."""
    program = """
        DEFAULT = "gpt-4"
        PRICES = {"gpt-4-0314": 1}
        if name == "gpt-3.5-turbo" or name.startswith("gpt-4-32k"): ...
        OTHER = "openai/gpt-3.5-turbo-0301"
        LIKEWISE = "openai:gpt-4-32k-0314"
        WORD = "davinci"
        KINDS = {"a": "davinci"}
        """
    findings = {each.name: each.standing for each in found(program)}
    assert findings == {
        "gpt-4": Support.UPGRADE,
        "gpt-4-0314": Support.SUPPORTED,
        "gpt-3.5-turbo": Support.SUPPORTED,
        "gpt-4-32k": Support.SUPPORTED,
        "gpt-3.5-turbo-0301": Support.UPGRADE,
        "gpt-4-32k-0314": Support.UPGRADE,
    }


WORDS = {
    "a parameter": 'def tune(file, model="curie"): ...',
    "a keyword-only parameter": 'def tune(file, *, base_model="curie"): ...',
    "a setting": 'model_engine = "curie"',
    "an attribute": 'self.engine = "curie"',
    "an entry by its name": 'body = {"prompt": p, "model": "curie"}',
    "an entry given later": 'body["model"] = "curie"',
    "a keyword": 'tune(base_model="curie")',
    "a list of models": 'KNOWN = ["curie", "ada"]',
    "a table of models": 'SIZES = {"small": "curie", "large": "text-davinci-003"}',
}


@pytest.mark.parametrize("form", WORDS)
def test_words_are_models_where_the_code_says_so(found: Found, form: str) -> None:
    """A model whose name is a word is told where it is called a model, or stands among models."""
    assert models(found(f"import openai\n{WORDS[form]}\n"))["curie"] is Support.UPGRADE


@pytest.mark.parametrize(
    "text", ['NAME = "ada"', 'NAMES = ["ada", "grace"]', 'ROLES = {"ada": "admin"}', 'greet("ada")']
)
def test_words_elsewhere_are_words(found: Found, text: str) -> None:
    """A word that nothing around it calls a model is none."""
    assert models(found(f"import openai\n{text}\n")) == {}


ON_AZURE = {
    "a setting": 'openai.api_type = "azure"\nopenai.ChatCompletion.create(engine=DEPLOYED, model="gpt-4-0613", messages=m)',
    "a class": 'class A:\n    def __init__(self):\n        openai.api_type = "azure"\n    body = {"model": "gpt-4-0613"}',
    "the environment": 'os.environ["OPENAI_API_TYPE"] = "azure"\nbody = {"model": "gpt-4-0613"}',
    "an address": 'HOST = "https://x.openai.azure.com"\nbody = {"model": "gpt-4-0613"}',
}


@pytest.mark.parametrize("form", ON_AZURE)
def test_on_azure_no_model_is_to_be_changed(found: Found, form: str) -> None:
    """Where a module asks Azure alone, a model that OpenAI has shut down is told without alarm and without an upgrade."""
    (finding,) = [each for each in found(f"import openai\n{ON_AZURE[form]}\n") if each.kind == "model"]
    assert (finding.standing, finding.remedy, finding.upgrade) == (Support.SUPPORTED, "", "")
    assert finding.reason.startswith("On Azure the deployment decides")


@pytest.mark.parametrize(
    "azure",
    [
        'if os.getenv("X"):\n    openai.api_type = "azure"',
        'if openai.api_type == "azure": ...',
        'openai.api_type = kind or "azure"',
        'openai.api_type = "azure"\nOTHER = "https://api.openai.com/v1"',
        'KINDS = ["azure", "open_ai"]',
        'def test_one():\n    openai.api_type = "azure"',
        'ask(provider="azure")',
        'HELP = "such as https://x.openai.azure.com"',
    ],
)
def test_where_azure_is_one_of_two_a_model_that_is_gone_is_told(found: Found, azure: str) -> None:
    """A module that may ask OpenAI, too, has its models judged."""
    assert models(found(f'import openai, os\n{azure}\nMODEL = "gpt-4-0613"\n')) == {"gpt-4-0613": Support.UPGRADE}


@pytest.mark.parametrize(
    ("program", "line"),
    [
        ('openai.Embedding.create(engine="text-embedding-ada-002", input=x)', 2),
        ("openai.Embedding.acreate(engine=chosen, input=x)", 2),
        ("from openai.embeddings_utils import get_embedding\nget_embedding(x, engine=chosen)", 3),
        ('from openai.embeddings_utils import aget_embeddings\naget_embeddings(x, "text-embedding-ada-002")', 3),
    ],
)
def test_an_embedding_asked_by_engine_needs_a_hand(found: Found, program: str, line: int) -> None:
    """The addresses with an engine serve no model of today, unless they are Azure's deployments."""
    told = [each for each in found(f"import openai\n{program}\n") if each.kind == "argument"]
    assert [(each.name, each.standing, each.place.line) for each in told] == [("engine", Support.HAND, line)]
    on_azure = found(f'import openai\n{program}\nopenai.api_type = "azure"\n')
    assert [each for each in on_azure if each.kind == "argument"] == []


def test_an_engine_that_may_be_a_deployment_is_told_with_care(found: Found) -> None:
    """Of a name only running tells, Azure is named as the other case; a call that says it is Azure's is left alone."""
    (finding,) = [
        each for each in found("import openai\nopenai.Embedding.create(engine=e)\n") if each.kind == "argument"
    ]
    assert finding.reason.startswith("Unless it is a deployment on Azure: ")
    told = found("import openai\nopenai.Embedding.create(engine=e, api_type=kind, api_version=v)\n")
    assert [each for each in told if each.kind == "argument"] == []


def test_the_default_of_a_helper_is_told(found: Found) -> None:
    """`get_embedding(text)` names a model by itself, which is gone."""
    program = "from openai.embeddings_utils import get_embedding\nget_embedding(text)\n"
    assert models(found(program)) == {"text-similarity-davinci-001": Support.HAND}


@pytest.mark.parametrize("program", ["openai.Image.create_variation(image=x)", "make = openai.Image.acreate_variation"])
def test_an_endpoint_goes_with_its_only_model(found: Found, program: str) -> None:
    """Variations were dall-e-2's alone: their name needs a hand from the day on which it was shut down, not before."""

    def standing(today: date) -> Support:
        (finding,) = [each for each in found(f"import openai\n{program}\n", today=today) if each.place.line == 2]
        return finding.standing

    assert (standing(date(2026, 5, 12)), standing(date(2026, 5, 11))) == (Support.HAND, Support.SUPPORTED)


def test_a_model_that_stars_hide_is_told_as_unseen(found: Found) -> None:
    """A call that hides its model behind `**` says so; one whose model can be read does not."""
    hidden = found("import openai\nopenai.Embedding.create(**fields())\n")
    assert [each.name for each in hidden if each.kind == "unseen"] == ["**"]
    plain = found('import openai\nopenai.Embedding.create(model="text-embedding-3-small", **fields())\n')
    assert [each for each in plain if each.kind == "unseen"] == []
