"""Drop-ins for older clients, one package each.

Not the providers they run on (`shim.legacy_adapter`, `shim.native`) nor what puts these together (`shim.factory`).
Importing this loads none of them.
"""
