#!/usr/bin/env bash
# Holds grafana/*.json against Grafana's own types: the dashboard, and each panel's options and
# field settings. Needs node and npm, and fetches two packages into a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
GRAFANA_VERSION=${GRAFANA_VERSION:-$(sed -n 's|.*grafana/grafana:\([0-9.]*\).*|\1|p' compose.yaml)}
dashboards=$PWD/grafana
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund --ignore-scripts --prefix . \
  "@grafana/schema@$GRAFANA_VERSION" typescript@5.4 >/dev/null

cat >types.ts <<'TYPES'
import type { Dashboard } from '@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen';
import type { DataQuery } from '@grafana/schema/dist/index';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of enums, not their names; a discriminated field keeps its literal type.
type Json<T> = T extends string ? `${T}`
  : T extends readonly (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;
export type Board = Json<Dashboard>;
// What the source for Prometheus adds to every query is in none of these packages.
export type Query = Json<DataQuery> & {
  expr: string, legendFormat: string, range: boolean, instant: boolean, format?: 'table',
};
export type Options = {
  stat: Partial<Json<Stat.Options>>,
  table: Partial<Json<Table.Options>>,
  timeseries: Partial<Json<TimeSeries.Options>>,
};
export type Custom = {
  stat: Record<string, never>,
  table: Partial<Json<Table.FieldConfig>>,
  timeseries: Partial<Json<TimeSeries.FieldConfig>>,
};
TYPES

node - "$dashboards" <<'WRITE'
const { readFileSync, readdirSync, writeFileSync } = require('node:fs');
const folder = process.argv[2];
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
if (!names.length) throw new Error(`no dashboards in ${folder}`);
for (const name of names) {
  const board = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));
  const lines = ["import type { Board, Custom, Options, Query } from './types';"];
  const hold = (type, value) => {
    lines.push(`export const _${lines.length}: ${type} = ${JSON.stringify(value)};`);
  };
  // Nor is the expression of its annotations.
  const list = board.annotations.list.map(({ expr, ...note }) => note);
  hold('Board', { ...board, annotations: { list } });
  for (const panel of board.panels.filter(({ type }) => type !== 'row')) {
    hold(`Options['${panel.type}']`, panel.options ?? {});
    hold(`Custom['${panel.type}']`, panel.fieldConfig.defaults.custom ?? {});
    panel.targets.forEach((target) => hold('Query', target));
  }
  writeFileSync(`${name.replace('.json', '')}.ts`, lines.join('\n'));
}
console.log(`${names.length} dashboards, @grafana/schema`);
WRITE

npx --no-install tsc --noEmit --strict --skipLibCheck --moduleResolution node --module commonjs \
  --target es2022 ./*.ts
echo "every dashboard has the types of Grafana $GRAFANA_VERSION"
