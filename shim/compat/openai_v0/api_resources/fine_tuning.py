"""`FineTuningJob`: fine-tuning of chat models.

Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from shim.compat.openai_v0.api_resources.abstract import (
    CancellableAPIResource,
    CreateableAPIResource,
    DeletableAPIResource,
    PaginatableAPIResource,
    nested_resource_class_methods,
)


@nested_resource_class_methods("event", operations=["paginated_list"])
class FineTuningJob(PaginatableAPIResource, CreateableAPIResource, DeletableAPIResource, CancellableAPIResource):
    """Fine-tuning jobs."""

    OBJECT_NAME = "fine_tuning.jobs"
