"""The same load on ever more of something: replicas, history, workers on a backlog."""
