#!/usr/bin/env bash
# Checks the manifests as far as that goes without a cluster: Kubernetes' kinds by its own schemas,
# KEDA's and the Prometheus operator's by theirs. Needs kubectl, node, npm and `make test` once.
set -euo pipefail
cd "$(dirname "$0")/.."
versions=(1.30 1.37)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in kubectl node npm; do
  command -v "$program" >/dev/null || { echo "$program is needed and is not installed"; exit 2; }
done

for overlay in staging loadtest production; do
  kubectl kustomize "manifests/overlays/$overlay" >"$work/$overlay.yaml"
done
# The components that no overlay has.
cp -R manifests "$work/manifests"
sed -i 's#components/keda$#components/keda-prometheus#' "$work/manifests/overlays/staging/kustomization.yaml"
printf '%s\n' '  - ../../components/egress-proxy' >"$work/line"
sed -i "/^components:/r $work/line" "$work/manifests/overlays/staging/kustomization.yaml"
kubectl kustomize "$work/manifests/overlays/staging" >"$work/optional.yaml"

# An unknown kind is a warning with exit code 0, so whatever is said of a kind of Kubernetes counts.
for version in "${versions[@]}"; do
  failed=no
  .venv/bin/python -m kubernetes_validate --strict --quiet -k "$version" "$work"/*.yaml \
    >"$work/said" || failed=yes
  grep -v -e 'with api version keda.sh/' -e 'with api version monitoring.coreos.com/' \
    "$work/said" && failed=yes
  [ "$failed" = no ] || exit 1
  echo "valid for Kubernetes $version"
done

# Twice: `validate` finds wrong values, and the compiler names that do not exist, which a cluster
# would drop without a word.
cat >"$work/package.json" <<'JSON'
{"type": "module", "private": true}
JSON
npm install --prefix "$work" --silent --no-audit --no-fund --no-save typescript@5.9.3 \
  @kubernetes-models/keda@2.0.0 @kubernetes-models/prometheus-operator@6.0.0
.venv/bin/python - "$work" <<'PYTHON'
import json, pathlib, sys
import yaml

work = pathlib.Path(sys.argv[1])
homes = {
    "keda.sh/v1alpha1": "@kubernetes-models/keda/keda.sh/v1alpha1",
    "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
}
lines, count = [], 0
for file in sorted(work.glob("*.yaml")):
    for document in yaml.safe_load_all(file.read_text()):
        home = homes.get(document["apiVersion"])
        if home is None:
            continue
        kind, count = document["kind"], count + 1
        lines.append(f'import {{ {kind} as K{count}, type I{kind} as I{count} }} from "{home}";')
        lines.append(f"const d{count}: I{count} = {json.dumps(document)};")
        lines.append(f"new K{count}(d{count}).validate();")
assert count >= 12, f"only {count} documents were found"
lines.append(f'console.log("valid: {count} documents of KEDA and the Prometheus operator");')
(work / "check.ts").write_text("\n".join(lines) + "\n")
PYTHON
cd "$work"
node_modules/.bin/tsc --strict --skipLibCheck --target es2022 --module nodenext check.ts
node check.js

if command -v promtool >/dev/null; then
  "$OLDPWD"/.venv/bin/python - production.yaml >rules.yaml <<'PYTHON'
import sys
import yaml

documents = yaml.safe_load_all(open(sys.argv[1]))
print(yaml.safe_dump(next(one["spec"] for one in documents if one["kind"] == "PrometheusRule")))
PYTHON
  promtool check rules rules.yaml
else
  echo "promtool is not installed: the alerts' expressions were not parsed"
fi
