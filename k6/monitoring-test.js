// Watches the service for five minutes, once a second, against the table of resources.
//
// It reads what the service says of itself at METRICS_URL (default BASE_URL/metrics; one a pod,
// separated by commas) and the queue's depth. It sends no load: run it beside a test that does.
// Needs BASE_URL, API_TOKEN, ADMIN_TOKEN; see lib.js.
import http from 'k6/http';
import { check } from 'k6';
import { Trend } from 'k6/metrics';
import {
  BASE_URL, RESOURCES, TREND_STATS, alertSeconds, prepare, queueThresholds, sampleQueue,
  steadyDuration, summarise, untilNextSecond,
} from './lib.js';

const cpuShare = new Trend('service_cpu_share');
const rssBytes = new Trend('service_rss_bytes');
const connections = new Trend('database_connections');
const METRICS_URLS = (__ENV.METRICS_URL || `${BASE_URL}/metrics`).split(',').map((url) => url.trim());

export const options = {
  scenarios: {
    monitoring: {
      executor: 'constant-vus', vus: 1, duration: steadyDuration(300), gracefulStop: '5s',
    },
  },
  thresholds: {
    ...queueThresholds(),
    checks: ['rate>0.99'],
    'http_req_failed{name:metrics}': ['rate<0.01'],
    'http_reqs{name:metrics}': ['count>=2'],
    // A second above the target is no breach of it, the run's mean is; the limit holds always.
    service_cpu_share: [`avg<${RESOURCES.cpu.target}`, `p(99)<${RESOURCES.cpu.limit}`],
    service_rss_bytes: [`max<${RESOURCES.memory.target}`],
    database_connections: [`max<${RESOURCES['database-connections'].target}`],
    alert_seconds: ['count==0'],
  },
  summaryTrendStats: TREND_STATS,
};

export function setup() {
  return prepare({ admin: true, endpoints: 0 });
}

// By URL: seconds of CPU, when, and which process; a restart begins its count anew.
const before = {};

export default function monitor() {
  const began = Date.now();
  const sums = { connections: undefined };
  for (const url of METRICS_URLS) samplePod(url, sums);
  if (sums.connections !== undefined) record('database-connections', connections, sums.connections);
  const depth = sampleQueue();
  if (depth > RESOURCES['queue-depth'].alert) alertSeconds.add(1, { resource: 'queue-depth' });
  untilNextSecond(began);
}

function samplePod(url, sums) {
  const response = http.get(url, { tags: { name: 'metrics' }, timeout: '10s' });
  const values = response.status === 200 ? gauges(response.body) : {};
  const complete = check(response, {
    'metrics answered': (r) => r.status === 200,
    'CPU and memory are told': () => 'process_cpu_seconds_total' in values
      && 'process_resident_memory_bytes' in values,
  });
  if (!complete) return;
  recordCpu(url, values);
  record('memory', rssBytes, values.process_resident_memory_bytes);
  // SQLite has no connections to count, and the service then tells none.
  if ('sureshot_database_connections' in values) {
    sums.connections = (sums.connections || 0) + values.sureshot_database_connections;
  }
}

function recordCpu(url, values) {
  const now = {
    at: Date.now() / 1000,
    cpu: values.process_cpu_seconds_total,
    started: values.process_start_time_seconds,
  };
  const last = before[url];
  before[url] = now;
  if (last && last.started === now.started && now.at > last.at) {
    record('cpu', cpuShare, (now.cpu - last.cpu) / (now.at - last.at));
  }
}

function record(resource, trend, value) {
  trend.add(value);
  check(value, { [`${resource} under its limit`]: (v) => v < RESOURCES[resource].limit });
  if (value > RESOURCES[resource].alert) alertSeconds.add(1, { resource });
}

// Prometheus text by name; series of one name are added up.
function gauges(text) {
  const values = {};
  for (const line of text.split('\n')) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{.*\})?\s+(\S+)/.exec(line);
    const value = parts ? Number(parts[2]) : NaN;
    if (!Number.isNaN(value)) values[parts[1]] = (values[parts[1]] || 0) + value;
  }
  return values;
}

export const handleSummary = summarise;
