"""The commands of ``sureshot lab``."""
