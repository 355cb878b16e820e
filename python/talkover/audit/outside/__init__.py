"""A backend seen from its network: each probe observes, its rules find."""
