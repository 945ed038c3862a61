"""Result files of k6 and of our own, read into one shape."""
