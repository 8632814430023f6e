"""Which class an object becomes by what its `object` says; any other is an `OpenAIObject`.

Names as in openai 0.28.1.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0 import api_resources
from shim.compat.openai_v0.api_resources.experimental.completion_config import CompletionConfig

OBJECT_CLASSES: dict[str, Any] = {
    "engine": api_resources.Engine,
    "experimental.completion_config": CompletionConfig,
    "file": api_resources.File,
    "fine-tune": api_resources.FineTune,
    "model": api_resources.Model,
    "deployment": api_resources.Deployment,
    "fine_tuning.job": api_resources.FineTuningJob,
}
