"""The embedded demo: small engines that need no key and no network, and say so."""
