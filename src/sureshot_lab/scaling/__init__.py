"""Autoscaling on trial: load traces against policies in a simulation, and on the service itself."""
