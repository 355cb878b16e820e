"""The end of a turn by its sound, with the smart-turn v3 model; the extra `smart-turn`."""
