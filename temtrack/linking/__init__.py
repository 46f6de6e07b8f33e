"""Association on overlap graphs, merges, splits and lineage; pure, for tracker and analysis alike."""
