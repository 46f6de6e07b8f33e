"""Sintering kinetics from the tables of a masks folder: numbers with intervals, or the reason why not."""
