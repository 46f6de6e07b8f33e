"""Training of segmentation networks: configuration, data, losses, one visible loop."""
