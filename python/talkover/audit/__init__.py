"""What keeps a backend from real-time voice: probes and readers observe, pure rules find."""
