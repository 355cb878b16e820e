"""Engines behind OpenAI-compatible HTTP servers."""
