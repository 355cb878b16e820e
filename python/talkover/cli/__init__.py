"""The `talkover` command."""
