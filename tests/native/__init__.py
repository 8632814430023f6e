"""Tests of the native provider: polling, HTTP on libcurl, and OpenAI spoken directly."""
