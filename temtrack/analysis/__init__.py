"""From masks to tables: particles, tracks, merges, fates, frames."""
