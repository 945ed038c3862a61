"""Rules that turn figures into findings, one file for each kind of question."""
