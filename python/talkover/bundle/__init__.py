"""The bundle room: a recorded call as one file."""
