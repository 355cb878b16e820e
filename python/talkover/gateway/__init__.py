"""HTTP, WebSocket and the page: how clients reach a session."""
