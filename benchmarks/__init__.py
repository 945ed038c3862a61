"""Benchmarks of the running service: real sockets, real disk, load and sink written in C."""
