"""`Model`: the models there are, one of them, and the deleting of one's own.

Names as in openai 0.28.1.
"""

from shim.compat.openai_v0.api_resources.abstract import DeletableAPIResource, ListableAPIResource


class Model(ListableAPIResource, DeletableAPIResource):
    """Models."""

    OBJECT_NAME = "models"
