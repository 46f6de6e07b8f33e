"""Training samples: labelled images, simulated scenes and clips, augmented and batched."""
