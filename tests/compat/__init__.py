"""Tests of the drop-ins for older clients."""
