// Any load of the laboratory, executed by k6: arrivals along stages, one submission each.
//
// LOAD is JSON: {base_url, stages: [[seconds, start rate a second, end rate a second], ...],
// worst_s, seed, connections (of a closed model, else 0)}. PARTS is a file of JSON: {begins:
// [body up to the id's number, ...], weights: [the begins' parts of 2^32, cumulative],
// ends: [body after the time, ...]}. API_TOKEN is the token, SUMMARY the file for the summary.
// Each request is a row of --out csv, and so is each accepted webhook's id; nothing else is kept.
import http from 'k6/http';
import exec from 'k6/execution';
import { SharedArray } from 'k6/data';
import { Counter, Gauge } from 'k6/metrics';

const LOAD = JSON.parse(__ENV.LOAD);
const WORD = 2 ** 32;
// So many users are made before the load begins; more only once these are busy.
const READY_USERS = 1000;
// Shared, because every user would else have a copy of its own.
const [begins, weights, ends] = ['begins', 'weights', 'ends'].map(
  (name) => new SharedArray(name, () => JSON.parse(open(__ENV.PARTS))[name]),
);

// Rates are told per 1,000 s: k6 takes whole numbers only, and 2.5 a second is a fair rate.
const per1000s = (rate) => Math.round(rate * 1000);
const milliseconds = (seconds) => `${Math.round(seconds * 1000)}ms`;

function openModel() {
  const peak = Math.max(...LOAD.stages.map(([, from, to]) => Math.max(from, to)));
  // Little's law: so many are under way when each takes worst_s; ten for the slowest rates.
  const users = Math.ceil(peak * LOAD.worst_s) + 10;
  // A stage that starts elsewhere than the last one ended begins with a jump of no duration.
  const stages = LOAD.stages.flatMap(([forSeconds, from, to]) => [
    { duration: '0s', target: per1000s(from) },
    { duration: milliseconds(forSeconds), target: per1000s(to) },
  ]);
  return {
    executor: 'ramping-arrival-rate',
    startRate: per1000s(LOAD.stages[0][1]),
    timeUnit: '1000s',
    stages: stages.slice(1),
    preAllocatedVUs: Math.min(users, READY_USERS),
    maxVUs: users,
    gracefulStop: '30s',
  };
}

function closedModel() {
  const seconds = LOAD.stages.reduce((sum, [forSeconds]) => sum + forSeconds, 0);
  return {
    executor: 'constant-vus',
    vus: LOAD.connections,
    duration: milliseconds(seconds),
    gracefulStop: '30s',
  };
}

export const options = {
  scenarios: { load: LOAD.connections ? closedModel() : openModel() },
  systemTags: ['status', 'error_code'],
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'count'],
  thresholds: { dropped_iterations: [{ threshold: 'count>=0' }] },
};

http.setResponseCallback(http.expectedStatuses(202));
const startedMs = new Gauge('scenario_started_ms');
const accepted = new Counter('accepted_ids');
const ID = /"id"\s*:\s*"([^"]+)"/;
const parameters = {
  headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${__ENV.API_TOKEN}` },
  timeout: '30s',
};

// The draws of draws.py, bit for bit: equal seeds give equal requests in every engine.
function scramble(number) {
  let hash = number ^ (number >>> 16);
  hash = Math.imul(hash, 0x21f0aaad);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x735a2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function placed(drawn) {
  let [low, high] = [0, weights.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (drawn < weights[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

const seed = scramble(LOAD.seed >>> 0);

export default function submit() {
  const number = exec.scenario.iterationInTest;
  if (number === 0) startedMs.add(exec.scenario.startTime);
  const first = scramble((number ^ seed) >>> 0);
  const second = scramble((first + 0x9e3779b9) >>> 0);
  const begin = begins[placed(first)];
  const end = ends[Math.floor((second * ends.length) / WORD)];
  const body = `${begin}${number}","sent_at_us":${Date.now()}000${end}`;
  const answer = http.post(`${LOAD.base_url}/api/v1/webhooks`, body, parameters);
  if (answer.status === 202) tellId(answer.body);
}

// Metadata, not a tag: k6 keeps something for every value of a tag, for as long as it runs.
function tellId(body) {
  const found = ID.exec(body);
  if (found === null) return;
  exec.vu.metrics.metadata.webhook = found[1];
  accepted.add(1);
  delete exec.vu.metrics.metadata.webhook;
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
