"""From an image to labels: one adapter for each network, tiling and stitching."""
