"""Better settings for a load: searched offline, and held against the defaults in turns."""
