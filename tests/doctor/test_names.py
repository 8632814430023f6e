"""Tests that no name is missed: each of the frequency table in a snippet of its own, and each way a name is reached by."""

from __future__ import annotations

from datetime import date

import pytest

from shim.compat.v0_names import ERRORS, NAMES, RESOURCES, SUBMODULES
from shim.doctor import Support
from tests.doctor.conftest import Found

# What 6,285 repositories use, the most used first; arguments stand in `ARGUMENTS`.
FREQUENT = (
    *("api_key", "ChatCompletion.create", "Completion.create", "api_base", "error.RateLimitError", "Embedding.create"),
    *("error.InvalidRequestError", "api_type", "error.APIError", "api_version", "error.APIConnectionError"),
    *("error.ServiceUnavailableError", "error.OpenAIError", "error.Timeout", "organization", "ChatCompletion.acreate"),
    *("Audio.transcribe", "Image.create", "Completion", "ChatCompletion", "openai_object.OpenAIObject"),
    *("error.AuthenticationError", "error", "proxy", "Model.list", "Moderation.create", "Embedding.acreate"),
    *("File.create", "Completion.acreate", "Model.retrieve", "Embedding", "api_key_path", "FineTuningJob.create"),
    *(
        "Image",
        "Moderation",
        "error.TryAgain",
        "aiosession.set",
        "File.retrieve",
        "File.list",
        "FineTuningJob.retrieve",
    ),
    *("error.set_display_cause", "File.download", "Image.acreate", "FineTuningJob.list", "aiosession.get"),
    *("util.convert_to_openai_object", "requestssession", "api_engine", "api_deployment_id"),
    *("api_resources.completion.Completion.__bases__", "api_resources.abstract.engine_api_resource.EngineAPIResource"),
    *("requestssession.hooks", "api_resources.abstract.engine_api_resource", "embeddings_utils.get_embedding"),
    *(
        "embeddings_utils.cosine_similarity",
        "Engine.list",
        "Audio.translate",
        "embeddings_utils.distances_from_embeddings",
    ),
    *("Edit.create", "Image.create_variation", "Image.create_edit", "FineTune.create", "Engine", "FineTune.retrieve"),
    *("error.PermissionError", "FineTune.list", "embeddings_utils.get_embeddings", "debug", "RateLimitError"),
    *("api_requestor.TIMEOUT_SECS", "api_requestor.MAX_CONNECTION_RETRIES", "api_requestor.APIRequestor.request"),
    *("version.VERSION", "log", "app_info", "verify_ssl_certs", "ca_bundle_path", "enable_telemetry", "util.ApiType"),
)
ARGUMENTS = (
    *("messages", "model", "temperature", "stream", "n", "top_p", "engine", "stop", "functions", "function_call"),
    *("frequency_penalty", "presence_penalty", "api_key", "headers", "deployment_id", "timeout", "api_base"),
    *("api_version", "api_type", "user", "request_timeout", "logit_bias", "max_tokens"),
)
KNOWN = tuple(NAMES)


@pytest.mark.parametrize("name", FREQUENT)
@pytest.mark.parametrize(
    "program",
    [
        "import openai\nprint(openai.{name})",
        "import openai as ai\nx = ai.{name}\n",
        "def f():\n    import openai\n    openai.{name}(1)\n",
    ],
)
def test_no_frequent_name_is_missed(found: Found, name: str, program: str) -> None:
    """Each name that programs use is found with its line, whatever the module is called."""
    findings = found(program.format(name=name))
    wanted = name.removeprefix("api_resources.completion.")
    assert f"openai.{wanted}" in [each.name for each in findings], findings


@pytest.mark.parametrize("name", KNOWN)
def test_no_name_of_the_surface_is_missed(found: Found, name: str) -> None:
    """Each name of 0.28.1's surface is found and stands as the table says, while the models behind it are there."""
    findings = found(f"import openai\nopenai.{name}\n", today=date(2024, 2, 1))
    (finding,) = [each for each in findings if each.place.line == 2]
    row = NAMES[name]
    stands = {"supported": Support.SUPPORTED, "upgrade": Support.UPGRADE, "hand": Support.HAND}[row.support]
    assert finding.standing is stands
    assert finding.reason == row.reason


@pytest.mark.parametrize(
    "name", [name for name in FREQUENT if name.count(".") == 1 and name.split(".")[0] in SUBMODULES]
)
def test_names_imported_from_submodules_are_found(found: Found, name: str) -> None:
    """`from openai.error import X` names X, and so does each use of it under any alias."""
    module, _, member = name.partition(".")
    findings = found(f"from openai.{module} import {member} as thing\nprint(thing)\n")
    assert [(each.name, each.place.line) for each in findings] == [(f"openai.{name}", 1), (f"openai.{name}", 2)]


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_arguments_are_read(found: Found, argument: str) -> None:
    """An argument of a call that is known to need something is told at its own place, and the others are let through."""
    findings = found(
        f'import openai\nopenai.ChatCompletion.create(\n    model="o1",\n    {argument}=value)\n'.replace(
            'model="o1",\n    model', "model"
        )
    )
    told = {each.name for each in findings if each.kind == "argument"}
    needs = {
        *("temperature", "top_p", "frequency_penalty", "presence_penalty", "functions", "function_call", "max_tokens"),
        *("timeout", "logit_bias", "stop"),
    }
    engine = argument in ("engine", "deployment_id")
    assert (argument in told) == (argument in needs or engine)


WAYS = {
    "an alias": "import openai as o\no.ChatCompletion.create()",
    "from the module": "from openai import ChatCompletion\nChatCompletion.create()",
    "from the module, renamed": "from openai import ChatCompletion as C\nC.create()",
    "a star": "from openai import *\nChatCompletion.create()",
    "the resource's module": "import openai.api_resources.chat_completion as m\nm.ChatCompletion.create()",
    "from the resource's module": "from openai.api_resources import ChatCompletion\nChatCompletion.create()",
    "a stored class": "import openai\nclient = openai.ChatCompletion\nclient.create()",
    "a stored function": "import openai\nask = openai.ChatCompletion.create\nask()",
    "an attribute": "import openai\nclass A:\n  def f(self):\n    self.c = openai.ChatCompletion\n    self.c.create()",
    "an entry": 'import openai\nvalues["client"] = openai.ChatCompletion\ndef f(self):\n    self.client.create()',
    "a class attribute": "import openai\nclass A:\n  c = openai.ChatCompletion\n  def f(self):\n    self.c.create()",
    "a default": "import openai\ndef f(c=openai.ChatCompletion):\n    c.create()",
    "a stored module": "import openai\nlib = openai\nlib.ChatCompletion.create()",
    "getattr": 'import openai\ngetattr(openai, "ChatCompletion").create()',
    "getattr of a constant": 'import openai\nN = "ChatCompletion"\ngetattr(openai, N).create()',
    "import_module": 'import importlib\nopenai = importlib.import_module("openai")\nopenai.ChatCompletion.create()',
    "__import__": '__import__("openai").ChatCompletion.create()',
    "sys.modules": 'import sys\nsys.modules["openai"].ChatCompletion.create()',
    "a choice": "import openai\nc = openai.ChatCompletion if chat else openai.Completion\nc.create()",
    "a loop": "import openai\nfor c in (openai.Completion, openai.ChatCompletion):\n    c.create()",
    "a module that hands it on": "from helpers import openai\nopenai.ChatCompletion.create()",
    "a library's own": "from gptcache.adapter import openai\nopenai.ChatCompletion.create()",
    "a member of a module": "import helpers\nhelpers.openai.ChatCompletion.create()",
    "super": "import openai\nclass A(openai.ChatCompletion):\n  @classmethod\n  def create(cls):\n    super().create()",
    "a try": "try:\n    import openai\nexcept ImportError:\n    openai = None\nopenai.ChatCompletion.create()",
    "a line above the import": "def f():\n    openai.ChatCompletion.create()\nimport openai",
    "an executor": "import openai\npool.submit(openai.ChatCompletion.create, model=m)",
    "a partial": "import functools, openai\nfunctools.partial(openai.ChatCompletion.create, model=m)",
    "an assignment expression": "import openai\n(c := openai.ChatCompletion)\nc.create()",
    "an annotation": 'import openai\ndef f(x: "openai.ChatCompletion.create"): ...',
    "a decorator": "import openai\n@openai.ChatCompletion.create\ndef f(): ...",
    "an f-string": 'import openai\nf"{openai.ChatCompletion.create()}"',
    "an async function": "import openai\nasync def f():\n    await openai.ChatCompletion.create()",
    "a comprehension": "import openai\n[openai.ChatCompletion.create() for _ in x]",
    "a lambda": "import openai\nf = lambda: openai.ChatCompletion.create()",
    "a match": "import openai\nmatch x:\n    case 1:\n        openai.ChatCompletion.create()",
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_a_name_is_followed(found: Found, way: str) -> None:
    """A name is found through whatever it was reached."""
    names = [each.name for each in found(WAYS[way])]
    assert "openai.ChatCompletion.create" in names, names


PATCHES = {
    "patch by text": 'from unittest.mock import patch\n@patch("openai.ChatCompletion.create")\ndef f(): ...',
    "through another module": 'mocker.patch("pkg.mod.openai.ChatCompletion.create")',
    "the resource's module": 'patch("openai.api_resources.chat_completion.ChatCompletion.create")',
    "an object": 'import openai\npatch.object(openai.ChatCompletion, "create")',
    "monkeypatch": 'import openai\nmonkeypatch.setattr(openai.ChatCompletion, "create", f)',
    "monkeypatch by text": 'monkeypatch.setattr("openai.ChatCompletion.create", f)',
    "an assignment": "import openai\nopenai.ChatCompletion.create = f",
}


@pytest.mark.parametrize("form", PATCHES)
def test_patches_are_found(found: Found, form: str) -> None:
    """A name replaced from outside is told as patched, by object and by text."""
    patched = [each.name for each in found(PATCHES[form]) if each.kind == "patch"]
    assert patched == ["openai.ChatCompletion.create"]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_in_handlers_are_found(found: Found, name: str) -> None:
    """A class that is caught is found, alone and in a tuple made elsewhere."""
    program = f"import openai\nFAULTS = (openai.error.{name}, OSError)\ntry: ...\nexcept openai.error.{name}: ..."
    places = [each.place.line for each in found(program) if each.name == f"openai.error.{name}"]
    assert places == [2, 4]


def test_settings_given_are_found(found: Found) -> None:
    """Settings are found where they are assigned, by attribute, by setattr, and for a while."""
    program = (
        'import openai\nopenai.api_key = "k"\nsetattr(openai, "api_base", b)\nold = openai.proxy\ndel openai.log\n'
    )
    names = [each.name for each in found(program)]
    assert names == ["openai", "openai.api_key", "openai.api_base", "openai.proxy", "openai.log"]


def test_names_of_later_versions_are_told_apart(found: Found) -> None:
    """Code for openai 1.0 and later is told as such, and asks nobody to do anything."""
    program = "from openai import OpenAI, RateLimitError\nimport openai\nclient = OpenAI()\nopenai.chat.completions.create()\n"
    findings = found(program)
    assert {each.standing for each in findings if each.name != "openai"} == {Support.OTHER}


def test_a_name_that_neither_has_needs_a_hand(found: Found) -> None:
    """A name 0.28.1 lacks is told with what to do, and one the program itself sets is its own."""
    (finding,) = [each for each in found("import openai\nopenai.no_such\n") if each.place.line == 2]
    assert (finding.standing, finding.reason) == (Support.HAND, "0.28.1 has no such name.")
    program = 'import openai\nif hasattr(openai, "api_engine"):\n    x = openai.api_engine\n'
    assert {each.standing for each in found(program)} == {Support.SUPPORTED}


def test_a_name_only_running_tells_is_told(found: Found) -> None:
    """A getattr whose name is computed needs a look, and one that sets any name does not."""
    (asked,) = [each for each in found("import openai\ngetattr(openai, name())\n") if each.kind == "unseen"]
    assert asked.standing is Support.HAND
    (given,) = [each for each in found("import openai\nsetattr(openai, name(), 1)\n") if each.kind == "unseen"]
    assert given.standing is Support.SUPPORTED


@pytest.mark.parametrize(
    "program",
    [
        "client.create(model='gpt-5.6-sol')",
        "from langchain_core import x\nx.openai_info",
        "import settings\nsettings.openai.engine_name",
        'KIND = "pkg.openai.ChatCompletion.Request"',
        "import pkg.bopenai as openai\nopenai.Completion.create()",
        "from langchain.adapters import openai\nopenai.convert_message()",
        "my_openai = 3\nmy_openai.ChatCompletion",
        '"openai is fine."',
        "import notopenai\nnotopenai.ChatCompletion.create()",
        "class Completion: ...\nCompletion.create()",
        '"""import openai"""',
    ],
)
def test_nothing_is_found_where_nothing_is(found: Found, program: str) -> None:
    """Names that only look like openai's are left alone."""
    assert [each for each in found(program) if each.kind != "third-party"] == []


def test_every_resource_is_in_the_table() -> None:
    """Each class and method of 0.28.1 has a row of its own."""
    missing = [
        f"{name}.{method}"
        for name, methods in RESOURCES.items()
        for method in methods
        if f"{name}.{method}" not in NAMES
    ]
    assert missing == []
