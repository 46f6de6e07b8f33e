"""Measures that compare a result with the truth."""
