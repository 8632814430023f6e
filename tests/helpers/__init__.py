"""Helpers: parts the tests share; each is itself tested or so plain that its users test it."""
