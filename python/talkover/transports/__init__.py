"""One agent over many transports, measured at the caller's ear: `talkover bench transports`."""
