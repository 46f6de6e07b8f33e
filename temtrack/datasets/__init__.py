"""Labelled images of any size cut into tiles, split so that nothing stands on both sides."""
