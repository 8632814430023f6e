"""Tests of the fake server's endpoints beside Chat Completions and Responses, one file for each."""
