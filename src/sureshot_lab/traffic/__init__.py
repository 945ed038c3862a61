"""What is sent: payloads, endpoints, recorded traffic; the same seed, the same bytes."""
