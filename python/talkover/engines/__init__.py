"""Speech recognition, models and voices behind small typed protocols."""
