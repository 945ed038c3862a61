"""What the figures mean: statistics over results."""
