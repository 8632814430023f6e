"""Callbacks that stand in for those of a client that is over, so that libcurl keeps none of it alive.

Not the client (`http_multi`) nor its handles (`handles`).
"""

from __future__ import annotations


def ignore_socket(*_libcurl: object) -> None:
    """Stand in for the socket callback of a client that is over."""


def ignore_timer(_milliseconds: int) -> None:
    """Stand in for its timer's."""
