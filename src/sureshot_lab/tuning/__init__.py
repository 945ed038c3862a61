"""Better settings for a load: searched offline, and held against where it began in turns."""
