"""The words on the wire and the session's own: facts, commands, items, and the Realtime codec."""
