"""Where a run spends its time: stacks of the service's processes, by function and by stage."""
