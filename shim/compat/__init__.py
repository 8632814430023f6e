"""Compat: old clients' names on the new path.

Not the clients themselves (`shim.client`).
"""
