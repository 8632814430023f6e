"""openai 0.28 on the new path: its whole surface, for code that was written against it and that nobody edits.

Not the real library, and nothing of it is in here; parity is measured (`tests/compat/openai_v0`), and where this is different on
purpose stands in one table (`deviations`). Chat goes through a provider (`use`), the legacy client by default; everything
else over `requests`.

    from shim.compat import openai_v0 as openai       # or, for a program that says `import openai`:
    openai_v0.install(real=False)

The attributes below are settings of openai 0.28.1: they are read from this namespace at each call, before it is first suspended.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from shim.compat.openai_v0 import api_requestor as api_requestor
from shim.compat.openai_v0 import api_resources as api_resources
from shim.compat.openai_v0 import datalib as datalib
from shim.compat.openai_v0 import error as error
from shim.compat.openai_v0 import object_classes as object_classes
from shim.compat.openai_v0 import openai_object as openai_object
from shim.compat.openai_v0 import openai_response as openai_response
from shim.compat.openai_v0 import util as util
from shim.compat.openai_v0 import version as version
from shim.compat.openai_v0.api_resources import (
    Audio,
    ChatCompletion,
    Completion,
    Customer,
    Deployment,
    Edit,
    Embedding,
    Engine,
    ErrorObject,
    File,
    FineTune,
    FineTuningJob,
    Image,
    Model,
    Moderation,
)
from shim.compat.openai_v0.error import APIError, InvalidRequestError, OpenAIError
from shim.compat.openai_v0.installation import Installation as Installation
from shim.compat.openai_v0.installation import install as install
from shim.compat.openai_v0.seams import AioSession, GuardedModule
from shim.compat.openai_v0.transport.choice import use as use
from shim.compat.openai_v0.v0_reader import V0Reader as V0Reader
from shim.compat.openai_v0.version import VERSION

_AZURE_VERSION: str | None = "2023-05-15"

api_key: str | None = os.environ.get("OPENAI_API_KEY")
# A file with the key, read for each request; it wins over `api_key`.
api_key_path: str | None = os.environ.get("OPENAI_API_KEY_PATH")
organization: str | None = os.environ.get("OPENAI_ORGANIZATION")
api_base: str = os.environ.get("OPENAI_API_BASE", "https://api.openai.com/v1")
# "open_ai", "azure" or "azure_ad", in any case.
api_type: str = os.environ.get("OPENAI_API_TYPE", "open_ai")
api_version: str | None = os.environ.get(
    "OPENAI_API_VERSION", _AZURE_VERSION if api_type in ("azure", "azure_ad", "azuread") else None
)
verify_ssl_certs = True  # no effect: they are verified; a session of one's own says otherwise
proxy: Any = None  # a URL, or one for each scheme
app_info: Any = None  # name, version and url of the program, for the User-Agent
enable_telemetry = False  # no effect
ca_bundle_path: Any = None  # no effect
debug = False  # asks the server for `OpenAI-Debug`
log: Any = None  # "debug" or "info": printed to stderr
requestssession: Any = None  # a `requests.Session`, or a function that makes one for each thread
aiosession = AioSession()

__version__ = VERSION
# What `from openai import *` brings into a program: the names of 0.28.1, and none of ours, which a program may have for itself.
__all__ = [
    "APIError",
    "Audio",
    "ChatCompletion",
    "Completion",
    "Customer",
    "Deployment",
    "Edit",
    "Embedding",
    "Engine",
    "ErrorObject",
    "File",
    "FineTune",
    "FineTuningJob",
    "Image",
    "InvalidRequestError",
    "Model",
    "Moderation",
    "OpenAIError",
    "api_base",
    "api_key",
    "api_key_path",
    "api_type",
    "api_version",
    "app_info",
    "ca_bundle_path",
    "debug",
    "enable_telemetry",
    "log",
    "organization",
    "proxy",
    "verify_ssl_certs",
]

sys.modules[__name__].__class__ = GuardedModule
