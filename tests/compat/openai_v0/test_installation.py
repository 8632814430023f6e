"""Tests of `install`: `import openai` is ours meanwhile, and all is as before afterwards."""

from __future__ import annotations

import importlib
import importlib.metadata
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from shim.compat import openai_v0
from shim.compat.openai_v0.installation import real_version, submodules
from shim.compat.openai_v0.transport import choice
from shim.model import UnsupportedFeatureError
from tests.compat.openai_v0.conftest import KEY
from tests.helpers.loopback import Loopback


@pytest.fixture
def installed(openai: Any) -> Iterator[Any]:
    """The module that `import openai` gives."""
    with openai.install(real=False):
        yield importlib.import_module("openai")


def test_one_module_has_both_names(installed: Any) -> None:
    """What old code sets on `openai` is set on the package, since they are one object."""
    assert installed is openai_v0
    assert importlib.import_module("openai.error") is openai_v0.error


def test_mode_is_told(openai: Any) -> None:
    """An installation says how it stands, and that it is over."""
    installation = openai.install(real=False)
    assert installation.mode == "instead"
    installation.uninstall()
    installation.uninstall()
    assert "uninstalled" in repr(installation)


def test_everything_comes_back(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that were there under the name are there again, the same objects, and so are names, finders and the choice."""
    theirs = {name: types.ModuleType(name) for name in ("openai", "openai.error", "openai.only_theirs")}
    for name, module in theirs.items():
        monkeypatch.setitem(sys.modules, name, module)
    before = (dict(sys.modules), list(sys.meta_path), openai.ChatCompletion.__module__, choice.kept())
    with openai.install(real=False):
        assert sys.modules["openai"] is openai
        assert "openai.only_theirs" not in sys.modules
        openai.use("native")
        importlib.import_module("openai.upload_progress")
    after = (dict(sys.modules), list(sys.meta_path), openai.ChatCompletion.__module__, choice.kept())
    assert {name: module for name, module in after[0].items() if name.startswith("openai")} == theirs
    assert after[1:] == before[1:]


def test_names_are_those_of_the_old_library(installed: Any) -> None:
    """Classes and methods say `openai.…` as their module, as messages and pickles of old code have it."""
    create = installed.ChatCompletion.create
    assert installed.ChatCompletion.__module__ == "openai.api_resources.chat_completion"
    assert create.__func__.__module__ == "openai.api_resources.chat_completion"
    assert installed.error.APIError.__module__ == "openai.error"


def test_pickles_go_by_the_old_names(installed: Any) -> None:
    """A pickle made here can be read by the real library, and one made there can be read here."""
    frozen = pickle.dumps(installed.openai_object.OpenAIObject.construct_from({"id": "x", "empty": ""}, KEY))
    assert b"openai.openai_object" in frozen
    assert b"shim" not in frozen
    assert pickle.loads(frozen) == {"id": "x", "empty": ""}  # noqa: S301 - frozen two lines above


def test_a_pickle_holds_no_key(openai: Any) -> None:
    """An object's pickle has no key in it."""
    made = openai.openai_object.OpenAIObject.construct_from({"id": "x"}, KEY)
    assert made.api_key == KEY
    assert KEY.encode() not in pickle.dumps(made)
    assert pickle.loads(pickle.dumps(made)).api_key is None  # noqa: S301 - frozen in the same breath


def test_methods_are_patched_by_name(installed: Any, loopback: Loopback) -> None:
    """`patch("openai.ChatCompletion.create")` takes effect and is undone."""
    with mock.patch("openai.ChatCompletion.create", return_value="patched"):
        assert installed.ChatCompletion.create() == "patched"
    with mock.patch("openai.api_resources.chat_completion.ChatCompletion.create", return_value="patched too"):
        assert installed.ChatCompletion.create() == "patched too"
    answer = installed.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert answer.id == "chatcmpl-1"
    assert len(loopback.received) == 1


@pytest.mark.parametrize(
    "name",
    [
        "openai.error",
        "openai.util",
        "openai.api_requestor",
        "openai.openai_object",
        "openai.openai_response",
        "openai.object_classes",
        "openai.version",
        "openai.datalib.numpy_helper",
        "openai.api_resources.fine_tuning",
        "openai.api_resources.abstract.engine_api_resource",
        "openai.api_resources.experimental.completion_config",
    ],
)
def test_submodules_are_imported_under_their_old_names(installed: Any, name: str) -> None:
    """`import openai.SUB` gives the module of this package, once."""
    module = importlib.import_module(name)
    assert module is importlib.import_module(name.replace("openai", "shim.compat.openai_v0", 1))
    assert name in submodules()
    spec = module.__spec__
    assert spec is not None
    assert spec.name == module.__name__


@pytest.mark.parametrize("name", ["transport", "installation", "namespace", "deviations", "nothing_such"])
def test_nothing_else_is_found_below_the_name(installed: Any, name: str) -> None:
    """Modules that 0.28 did not have are not there, so that code which asks what it stands on is not misled."""
    assert not hasattr(installed, "chat")
    assert not hasattr(installed, "OpenAI")
    with pytest.raises(ModuleNotFoundError, match=f"openai.{name}"):
        importlib.import_module(f"openai.{name}")


def test_what_is_left_out_says_so(installed: Any) -> None:
    """The command line is not there, and the error says where to run it."""
    with pytest.raises(ModuleNotFoundError, match=r"real openai 0\.28"):
        importlib.import_module("openai.cli")


def test_two_at_a_time_are_refused(installed: Any) -> None:
    """A second installation is an error, and the first one stands."""
    with pytest.raises(RuntimeError, match="installed already"):
        installed.install(real=False)
    assert sys.modules["openai"] is installed


def test_standing_beside_what_is_not_there_is_refused(openai: Any) -> None:
    """Where the real library is wanted and not there, the other way is named, and nothing is installed."""
    before = sys.modules.get("openai")
    with pytest.raises(UnsupportedFeatureError, match="real=False"):
        openai.install(real=True)
    assert sys.modules.get("openai") is before


def test_what_real_cannot_be_is_refused(openai: Any) -> None:
    """Any other word for `real` is an error."""
    with pytest.raises(TypeError, match="auto"):
        openai.install(real="never")


def test_a_rollout_that_cannot_be_used_leaves_nothing_installed(openai: Any) -> None:
    """A refused rollout takes the installation back."""
    before = sys.modules.get("openai")
    with pytest.raises(TypeError, match="cannot carry chat calls"):
        openai.install(real=False, rollout=object())
    assert sys.modules.get("openai") is before


def test_importing_shim_loads_none_of_it() -> None:
    """`import shim`, and `import shim.compat`, load neither the drop-in nor requests."""
    probe = "import sys, shim, shim.compat; print([n for n in sys.modules if 'openai_v0' in n or n == 'requests'])"
    ran = subprocess.run(  # noqa: S603 - our own interpreter on the line above
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=18
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_environment_is_read_at_import() -> None:
    """Key, base, type and version come from the variables of 0.28, and Azure has its default version."""
    probe = "from shim.compat import openai_v0 as o; print(o.api_key, o.api_base, o.api_type, o.api_version, o.organization)"
    variables = {
        "OPENAI_API_KEY": "sk-env",
        "OPENAI_API_BASE": "http://base",
        "OPENAI_API_TYPE": "azure",
        "OPENAI_ORGANIZATION": "org",
    }
    ran = subprocess.run(  # noqa: S603 - our own interpreter on the line above
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=18, env=variables
    )
    assert ran.stdout.split() == ["sk-env", "http://base", "azure", "2023-05-15", "org"]


def test_the_version_is_told_to_whoever_asks_for_it(openai: Any) -> None:
    """Code that tells 0.28 from 1.x by `importlib.metadata.version("openai")` is told 0.28.1, as long as it stands there."""
    before = real_version()
    with openai.install(real=False):
        assert importlib.metadata.version("openai") == openai.VERSION
        assert importlib.metadata.metadata("OpenAI")["Name"] == "openai"
        assert importlib.metadata.version("requests")
        assert "openai" in {each.name for each in importlib.metadata.distributions()}
        assert real_version() == before
    assert real_version() == before
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("openai")


@pytest.mark.parametrize(
    ("version", "stays"), [("0.26.5", False), ("0.27.0", True), ("0.27.10", True), ("0.28.1", True), ("1.3.0", False)]
)
def test_the_real_library_stays_where_calls_can_move_beside_it(
    version: str,
    stays: bool,  # noqa: FBT001 - pytest passes parameters so
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A 0.27 or 0.28 that is installed is one to stand beside; what came before chat, and a 1.x, is none."""
    metadata = tmp_path / f"openai-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: openai\nVersion: {version}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert real_version() == (version if stays else None)


def test_it_may_be_taken_out_and_imported_anew(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test suite that takes `openai` out of `sys.modules` gets it again, its settings as after an import."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    for name in [name for name in sys.modules if name.split(".")[0] == "openai"]:
        del sys.modules[name]
    again = importlib.import_module("openai")
    assert again is installed
    assert (again.api_key, again.__spec__.name) == ("sk-another", openai_v0.__name__)
    assert importlib.import_module("openai.error") is again.error
    assert again.ChatCompletion.__module__ == "openai.api_resources.chat_completion"


def test_a_star_import_brings_the_names_of_the_old_library(installed: Any) -> None:
    """`from openai import *` brings what it brought, and puts nothing of ours over a program's own names."""
    assert not {"install", "use", "Installation", "V0Reader"} & set(installed.__all__)
    assert {"ChatCompletion", "api_key", "OpenAIError", "verify_ssl_certs"} <= set(installed.__all__)
    assert all(hasattr(installed, name) for name in installed.__all__)


def test_asking_whether_a_module_is_there_is_no_error(installed: Any) -> None:
    """`importlib.util.find_spec` of a module that 0.28 had not gives None, as code that tells versions apart expects."""
    import importlib.util

    assert importlib.util.find_spec("openai.types") is None
    assert importlib.util.find_spec("openai.error") is not None
