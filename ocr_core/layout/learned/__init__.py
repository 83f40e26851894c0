"""Line finding by a small network: its maps, the baselines in them, and what it only half sees."""
