"""Tests of how the fake server speaks HTTP, over real sockets."""
