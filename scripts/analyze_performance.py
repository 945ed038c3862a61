#!/usr/bin/env python3
"""Reports on result files of k6 or `sureshot lab`: analyze_performance.py [--scaling] FILE..."""

import sys

from sureshot_lab.readers.analyze import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
