"""What outlives a process: the log of every session."""
