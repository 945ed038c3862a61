"""The delivery engine, from an accepted submission to a recorded outcome."""
