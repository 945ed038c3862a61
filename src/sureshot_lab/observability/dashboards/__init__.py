"""Dashboards for Grafana, one file each, drawn from the targets."""
