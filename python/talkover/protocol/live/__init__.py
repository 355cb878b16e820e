"""The OpenAI Live protocol, the full-duplex dialect, over the same facts and commands."""
