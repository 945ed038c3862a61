"""What a run does: its processes, its faults, its phases and its verdict."""
