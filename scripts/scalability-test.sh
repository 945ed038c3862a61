#!/usr/bin/env bash
# The same load on 1, 3 and 5 replicas. Writes results/scale-1x.json and so on into the working
# directory. Arguments go to `sureshot lab scale`, such as --replicas 1,2,4,8, or
# --driver kubernetes --target URL --namespace N --deployment D. Fails when a step is INVALID.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sureshot=${SURESHOT:-$here/.venv/bin/sureshot}

exec "$sureshot" lab scale "$@"
