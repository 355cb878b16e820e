"""The media room: the only importer of the native module."""
