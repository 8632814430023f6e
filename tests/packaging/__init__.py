"""Tests of what is given away: the source archive, and what is installed."""
