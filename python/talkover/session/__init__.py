"""The shell that runs the machines: one session per conversation."""
