"""Segment, track and analyse particles in transmission electron microscope movies, merges included."""

__version__ = "0.1.0"
