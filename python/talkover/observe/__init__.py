"""Metrics, traces and the log's line of each turn: readers of the sessions' facts.

Below the gateway, which serves the metrics, and above the sessions, which know nothing of it.
"""
