#!/usr/bin/env python3
"""Compares runs at several scales: analyze_scaling.py scale-1x.json scale-3x.json ..."""

import sys

from sureshot_lab.readers.analyze import main

if __name__ == "__main__":
    sys.exit(main(["--scaling", *sys.argv[1:]]))
