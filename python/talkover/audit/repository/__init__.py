"""A backend seen in its files: nothing of it is ever run."""
