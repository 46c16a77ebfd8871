"""`make bench`: how fast the main job is, as ratios, all measured in one run on one machine."""
