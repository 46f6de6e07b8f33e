"""Sintering movies with known truth: dynamics, true masks and lineage, image formation."""
