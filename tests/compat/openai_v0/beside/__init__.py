"""Tests of what stands beside the real openai 0.28, which `make test-beside` runs where that is."""
