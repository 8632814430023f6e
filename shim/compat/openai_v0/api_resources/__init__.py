"""The endpoints, under the names of openai 0.28.1: one module and one class for each.

Not what they have in common (`abstract`, `uploads`).
"""

from shim.compat.openai_v0.api_resources.audio import Audio
from shim.compat.openai_v0.api_resources.chat_completion import ChatCompletion
from shim.compat.openai_v0.api_resources.completion import Completion
from shim.compat.openai_v0.api_resources.customer import Customer
from shim.compat.openai_v0.api_resources.deployment import Deployment
from shim.compat.openai_v0.api_resources.edit import Edit
from shim.compat.openai_v0.api_resources.embedding import Embedding
from shim.compat.openai_v0.api_resources.engine import Engine
from shim.compat.openai_v0.api_resources.error_object import ErrorObject
from shim.compat.openai_v0.api_resources.file import File
from shim.compat.openai_v0.api_resources.fine_tune import FineTune
from shim.compat.openai_v0.api_resources.fine_tuning import FineTuningJob
from shim.compat.openai_v0.api_resources.image import Image
from shim.compat.openai_v0.api_resources.model import Model
from shim.compat.openai_v0.api_resources.moderation import Moderation

__all__ = [
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
    "Model",
    "Moderation",
]
