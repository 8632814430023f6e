"""`CompletionConfig`: stored settings of completions.

Names as in openai 0.28.1.
"""

from shim.compat.openai_v0.api_resources.abstract import (
    CreateableAPIResource,
    DeletableAPIResource,
    ListableAPIResource,
)


class CompletionConfig(CreateableAPIResource, ListableAPIResource, DeletableAPIResource):
    """Configurations of completions."""

    OBJECT_NAME = "experimental.completion_configs"
