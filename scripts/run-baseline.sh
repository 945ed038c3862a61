#!/usr/bin/env bash
# The two baselines: one user over every route, then ten users. Writes baseline-single.json and
# baseline-small.json into the working directory. Arguments go to `sureshot lab run`, such as
# --smoke, or --target URL --token T --admin-token A. Fails when a baseline fails.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sureshot=${SURESHOT:-$here/.venv/bin/sureshot}

worst=0
for name in baseline-single baseline-small; do
    echo "== $name"
    code=0
    "$sureshot" lab run "$name" --output "$name.json" "$@" || code=$?
    [ "$code" -le "$worst" ] || worst=$code
done
exit "$worst"
