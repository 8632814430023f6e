"""Tests of the loopback server, over real sockets."""
