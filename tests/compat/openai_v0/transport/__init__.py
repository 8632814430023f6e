"""Tests of how requests leave."""
