// Any load of the laboratory, executed by k6: arrivals along stages, one submission each.
//
// LOAD is JSON: {base_url, targets: [url or endpoint id, ...], stages: [[seconds, start rate a
// second, end rate a second], ...], payload_bytes, worst_s, run}. API_TOKEN is the token,
// SUMMARY the file for the summary. Each request is a row of --out csv; nothing else is kept.
import http from 'k6/http';
import exec from 'k6/execution';
import { Gauge } from 'k6/metrics';

const LOAD = JSON.parse(__ENV.LOAD);
// Rates are told per 1,000 s: k6 takes whole numbers only, and 2.5 a second is a fair rate.
const per1000s = (rate) => Math.round(rate * 1000);
const peak = Math.max(...LOAD.stages.map(([, from, to]) => Math.max(from, to)));
// Little's law: so many are under way when each takes worst_s; ten for the slowest rates.
const vus = Math.ceil(peak * LOAD.worst_s) + 10;

// A stage that starts elsewhere than the last one ended begins with a jump of no duration.
const stages = LOAD.stages.flatMap(([forSeconds, from, to]) => [
  { duration: '0s', target: per1000s(from) },
  { duration: `${Math.round(forSeconds * 1000)}ms`, target: per1000s(to) },
]);

export const options = {
  scenarios: {
    load: {
      executor: 'ramping-arrival-rate',
      startRate: per1000s(LOAD.stages[0][1]),
      timeUnit: '1000s',
      stages: stages.slice(1),
      preAllocatedVUs: vus,
      maxVUs: vus,
      gracefulStop: '30s',
    },
  },
  discardResponseBodies: true,
  systemTags: ['status', 'error_code'],
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'count'],
  thresholds: { dropped_iterations: [{ threshold: 'count>=0' }] },
};

http.setResponseCallback(http.expectedStatuses(202));
const startedMs = new Gauge('scenario_started_ms');
const parameters = {
  headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${__ENV.API_TOKEN}` },
  timeout: '30s',
};
const places = LOAD.targets.map((target) => (
  JSON.stringify(/^https?:/.test(target) ? { url: target } : { endpointId: target }).slice(0, -1)
));
// The payload without its filler: 3 keys, a time of 13 digits, and the id.
const bare = `{"id":"","sent_at_ms":${Date.now()},"filler":""}`.length;

export default function submit() {
  const number = exec.scenario.iterationInTest;
  if (number === 0) startedMs.add(exec.scenario.startTime);
  const id = `${LOAD.run}-${number}`;
  const filler = 'x'.repeat(Math.max(0, LOAD.payload_bytes - bare - id.length));
  const payload = `{"id":"${id}","sent_at_ms":${Date.now()},"filler":"${filler}"}`;
  const body = `${places[number % places.length]},"method":"POST","eventType":"load.test","payload":${payload}}`;
  http.post(`${LOAD.base_url}/api/v1/webhooks`, body, parameters);
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
