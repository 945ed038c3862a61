#!/usr/bin/env bash
# The same load on 1 to 5 replicas. Writes results/scale-1x.json and so on into the working
# directory. Arguments go to `sureshot lab scale`, such as --replicas 1,2,4,8, or
# --driver kubernetes --target URL --rate R. Fails with 2 when a step is INVALID, with 1 when
# the workers of one shared unevenly.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sureshot=${SURESHOT:-$here/.venv/bin/sureshot}

exec "$sureshot" lab scale "$@"
