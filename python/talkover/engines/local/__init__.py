"""Engines on this machine: models that are pulled once and run in worker processes."""
