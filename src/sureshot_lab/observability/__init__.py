"""Prometheus rules and Grafana dashboards, written from the targets and the metrics' names."""
