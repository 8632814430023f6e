"""Tests of what is packed: the source archive and the wheel."""
