"""What resources have in common, a class for each verb, under the names of openai 0.28.1.

Not the resources (`shim.compat.openai_v0.api_resources`).
"""

from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource
from shim.compat.openai_v0.api_resources.abstract.cancellable_api_resource import CancellableAPIResource
from shim.compat.openai_v0.api_resources.abstract.createable_api_resource import CreateableAPIResource
from shim.compat.openai_v0.api_resources.abstract.deletable_api_resource import DeletableAPIResource
from shim.compat.openai_v0.api_resources.abstract.listable_api_resource import ListableAPIResource
from shim.compat.openai_v0.api_resources.abstract.nested_resource_class_methods import nested_resource_class_methods
from shim.compat.openai_v0.api_resources.abstract.paginatable_api_resource import PaginatableAPIResource
from shim.compat.openai_v0.api_resources.abstract.updateable_api_resource import UpdateableAPIResource

__all__ = [
    "APIResource",
    "CancellableAPIResource",
    "CreateableAPIResource",
    "DeletableAPIResource",
    "ListableAPIResource",
    "PaginatableAPIResource",
    "UpdateableAPIResource",
    "nested_resource_class_methods",
]
