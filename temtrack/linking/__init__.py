"""Linking of label images over time: association on the overlap graph, merges, lineage. No files, no models."""
