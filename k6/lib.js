// What every script here shares: targets, rates, endpoints, one submission, the summary.
//
// Environment
//   BASE_URL        where the service answers, http://127.0.0.1:8080
//   API_TOKEN       token for submissions; ADMIN_TOKEN for the queue's depth
//   SINK_URL        who receives the webhooks; several are separated by commas
//   ENVIRONMENT     local (default) | staging | loadtest | production-like
//   SCALE           multiplies every rate, default 1
//   DURATION_SCALE  multiplies every duration, default 1; 0.01 for a smoke test
//   FOLLOW_SHARE    share of the webhooks followed until delivered, default 0.02
//   SUMMARY         file for the summary as JSON; read it with scripts/analyze_performance.py
import http from 'k6/http';
import exec from 'k6/execution';
import { check, fail, sleep } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';

// The figures of targets.toml under its names: seconds, bytes, shares. A test holds them equal.
export const TARGETS = {
  'throughput': 10000,
  'delivery-latency': 0.500,
  'api-latency': 0.100,
  'success-rate': 0.999,
};
// Under `target` in targets.toml; a sample above `alert` is counted as one second of alert.
export const RESOURCES = {
  'cpu': { target: 0.70, limit: 0.90, alert: 0.85 },
  'memory': { target: 536870912, limit: 1073741824, alert: 996147200 },
  'database-connections': { target: 80, limit: 100, alert: 90 },
  'queue-depth': { target: 1000, limit: 10000, alert: 5000 },
};

// share: of production's capacity. loopbackOnly: nothing leaves this machine by a mistyped address.
const ENVIRONMENTS = {
  'local': { share: 1, loopbackOnly: true },
  'staging': { share: 0.25, loopbackOnly: false },
  'loadtest': { share: 1, loopbackOnly: false },
  'production-like': { share: 1, loopbackOnly: false },
};

// What there are VUs for: when submissions or deliveries take longer, arrivals are dropped.
const WORST_SUBMISSION_S = 1;
const WORST_DELIVERY_S = 10;
const FOLLOW_LIMIT_S = 30;
const ENDPOINTS = 5;

export const ENVIRONMENT = __ENV.ENVIRONMENT || 'local';
const here = ENVIRONMENTS[ENVIRONMENT];
if (!here) {
  throw new Error(`ENVIRONMENT is ${ENVIRONMENT}; it may be ${Object.keys(ENVIRONMENTS).join(', ')}`);
}
const SCALE = positive('SCALE', 1);
const DURATION_SCALE = positive('DURATION_SCALE', 1);
const FOLLOW_SHARE = positive('FOLLOW_SHARE', 0.02);
export const BASE_URL = (__ENV.BASE_URL || '').replace(/\/+$/, '');

export const submissionSuccess = new Rate('submission_success');
export const deliverySuccess = new Rate('delivery_success');
export const endToEnd = new Trend('end_to_end', true);
export const accepted = new Counter('accepted');
export const queueDepth = new Trend('queue_depth');
export const alertSeconds = new Counter('alert_seconds');

export const TREND_STATS = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'count'];

// ---- rates and durations

// Submissions a minute by so many users. One user submits every 3 seconds, so that 500 users
// are the promised 10,000 a minute, and the 2,000 of the longest test are four times that.
export function users(count) {
  return Math.max(1, Math.round(count * (TARGETS['throughput'] / 500) * here.share * SCALE));
}

// Seconds after DURATION_SCALE.
export function seconds(count) {
  return count * DURATION_SCALE;
}

// A duration as k6 writes it, after DURATION_SCALE.
export function duration(count, atLeast = 0.001) {
  return `${Math.round(Math.max(atLeast, seconds(count)) * 1000)}ms`;
}

// k6 refuses a steady scenario of less than a second.
export function steadyDuration(count) {
  return duration(count, 1);
}

// VUs needed so that no submission waits for one, by Little's law: rate x time in the system.
function vusFor(perMinute) {
  const perSecond = perMinute / 60;
  const submitting = perSecond * WORST_SUBMISSION_S;
  const following = perSecond * FOLLOW_SHARE * WORST_DELIVERY_S;
  return Math.ceil(submitting + following) + 10;
}

// Arrival at one rate; `forSeconds` before scaling. `more`: startTime, exec, tags ...
export function constantLoad(perMinute, forSeconds, more = {}) {
  const vus = vusFor(perMinute);
  return {
    executor: 'constant-arrival-rate',
    rate: perMinute,
    timeUnit: '1m',
    duration: steadyDuration(forSeconds),
    preAllocatedVUs: vus,
    maxVUs: vus,
    gracefulStop: '10s',
    ...more,
  };
}

// Arrival along stages [seconds, users at the end], beginning with `startUsers`.
export function rampingLoad(startUsers, stages, more = {}) {
  const peak = Math.max(users(startUsers), ...stages.map(([, count]) => users(count)));
  const vus = vusFor(peak);
  return {
    executor: 'ramping-arrival-rate',
    startRate: startUsers ? users(startUsers) : 0,
    timeUnit: '1m',
    stages: stages.map(([forSeconds, count]) => (
      { duration: duration(forSeconds), target: count ? users(count) : 0 }
    )),
    preAllocatedVUs: vus,
    maxVUs: vus,
    gracefulStop: '10s',
    ...more,
  };
}

// How many submissions a scenario made by constantLoad or rampingLoad means to make.
export function planned(scenario) {
  const minutes = (text) => parseInt(text, 10) / 60000;
  if (scenario.executor === 'constant-arrival-rate') {
    return scenario.rate * minutes(scenario.duration);
  }
  let from = scenario.startRate;
  let sum = 0;
  for (const stage of scenario.stages) {
    sum += ((from + stage.target) / 2) * minutes(stage.duration);
    from = stage.target;
  }
  return sum;
}

// ---- thresholds

// Promises kept by every script that submits; `scenarios`: those that do, by name.
// A threshold on a metric without samples counts as passed, so each has a volume beside it.
export function submissionThresholds(scenarios, { latency = Object.keys(scenarios) } = {}) {
  const thresholds = {
    checks: [`rate>${TARGETS['success-rate']}`],
    submission_success: [`rate>${TARGETS['success-rate']}`],
    'http_req_failed{name:submit}': [`rate<${failedShare()}`],
    'http_req_duration{name:submit}': [],
    'http_reqs{name:submit}': [`count>=${volume(Object.values(scenarios))}`],
    dropped_iterations: ['count==0'],
    delivery_success: [`rate>${TARGETS['success-rate']}`],
    end_to_end: [`p(95)<${ms('delivery-latency')}`],
    'http_reqs{name:status}': ['count>=1'],
  };
  const several = Object.keys(scenarios).length > 1;
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (!several) break;
    const tag = `scenario:${name}`;
    thresholds[`submission_success{${tag}}`] = [`rate>${TARGETS['success-rate']}`];
    thresholds[`http_reqs{${tag},name:submit}`] = [`count>=${volume([scenario])}`];
    thresholds[`http_req_duration{${tag},name:submit}`] = [];
    thresholds[`end_to_end{${tag}}`] = [];
    if (latency.includes(name)) {
      thresholds[`http_req_duration{${tag},name:submit}`] = [`p(99)<${ms('api-latency')}`];
      thresholds[`end_to_end{${tag}}`] = [`p(95)<${ms('delivery-latency')}`];
    }
  }
  // With a scenario that may be slow, only the others are held to the latencies.
  if (latency.length === Object.keys(scenarios).length) {
    thresholds['http_req_duration{name:submit}'] = [`p(99)<${ms('api-latency')}`];
  } else {
    thresholds.end_to_end = [];
  }
  return thresholds;
}

export function queueThresholds() {
  return {
    queue_depth: [`max<${RESOURCES['queue-depth'].target}`],
    'http_req_failed{name:queue_depth}': ['rate<0.01'],
    'http_reqs{name:queue_depth}': ['count>=1'],
  };
}

export function ms(target) {
  return Math.round(TARGETS[target] * 1000);
}

export function failedShare() {
  return Number((1 - TARGETS['success-rate']).toFixed(9));
}

// Loads round by an arrival or two at each stage; 1 % less than planned is still all of it.
function volume(scenarios) {
  const sum = scenarios.reduce((total, scenario) => total + planned(scenario), 0);
  const stages = scenarios.reduce((total, { stages: each = [0] }) => total + each.length, 0);
  return Math.max(1, Math.floor(sum * 0.99) - 2 * stages);
}

// ---- set-up and clean-up

// Checks the environment and creates the endpoints; what it returns goes to every iteration.
export function prepare({ admin = false, endpoints = ENDPOINTS } = {}) {
  const sinks = (__ENV.SINK_URL || '').split(',').map((url) => url.trim()).filter(Boolean);
  demand('BASE_URL', BASE_URL);
  demand('API_TOKEN', __ENV.API_TOKEN);
  if (endpoints) demand('SINK_URL', sinks[0]);
  if (admin) demand('ADMIN_TOKEN', __ENV.ADMIN_TOKEN);
  [BASE_URL, ...sinks].forEach(refuseStranger);
  const run = `k6-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e9).toString(36)}`;
  const data = { run, endpoints: [] };
  for (let number = 0; number < endpoints; number += 1) {
    const url = `${sinks[number % sinks.length].replace(/\/+$/, '')}/endpoint${number + 1}`;
    const response = createEndpoint(`${run} ${number + 1}`, url);
    const { id } = parsed(response);
    if (![200, 201].includes(response.status) || !id) {
      cleanUp(data);
      fail(`the endpoint ${url} was not created: ${told(response)}`);
    }
    data.endpoints.push({ id, url });
  }
  return data;
}

export function createEndpoint(name, url) {
  return http.post(
    `${BASE_URL}/api/v1/endpoints`,
    JSON.stringify({ name, url, secretKey: `secret of ${name}`, algorithm: 'sha256' }),
    request('create_endpoint'),
  );
}

// Deletes the endpoints again, and says which it could not.
export function cleanUp(data) {
  for (const { id } of data.endpoints) {
    const response = http.del(`${BASE_URL}/api/v1/endpoints/${id}`, null, request('delete_endpoint'));
    if (![200, 204].includes(response.status)) {
      console.error(`the endpoint ${id} was not deleted: ${told(response)}`);
    }
  }
}

function demand(name, value) {
  if (!value) fail(`${name} is not set; see the top of k6/lib.js`);
}

function refuseStranger(url) {
  const host = (/^https?:\/\/(\[[^\]]+\]|[^:/?#]+)/.exec(url) || [])[1];
  if (!host) fail(`${url} is not an address; http://127.0.0.1:8080 would be one`);
  const loopback = host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
  if (here.loopbackOnly && !loopback) {
    fail(`${url} is not on this machine; set ENVIRONMENT to staging, loadtest or production-like`);
  }
}

function positive(name, otherwise) {
  const value = __ENV[name] === undefined || __ENV[name] === '' ? otherwise : Number(__ENV[name]);
  if (!(value > 0 && value < Infinity)) {
    throw new Error(`${name} is ${__ENV[name]}; it must be a number above 0`);
  }
  return value;
}

// ---- requests

// Parameters of a request; without a name every webhook's URL would be a series of its own.
export function request(name, token = __ENV.API_TOKEN) {
  return {
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    tags: { name },
    timeout: '30s',
  };
}

// The body as an object; an error page is an empty one, not an exception.
export function parsed(response) {
  try {
    const value = response.json();
    return value && typeof value === 'object' ? value : {};
  } catch (_) {
    return {};
  }
}

function told(response) {
  return response.status ? `${response.status} ${String(response.body).slice(0, 200)}` : response.error;
}

// Parts of an order, a user and a payment differ in every iteration: nothing is sent twice.
const EVENTS = {
  'user.created': (id) => ({ userId: id, email: `${id}@example.com` }),
  'order.completed': (id) => ({ orderId: id, amount: between(10, 1000) }),
  'payment.failed': (id) => ({
    paymentId: id,
    reason: Math.random() < 0.5 ? 'insufficient_funds' : 'card_declined',
  }),
};
const EVENT_TYPES = Object.keys(EVENTS);

function between(low, high) {
  return low + Math.floor(Math.random() * (high - low + 1));
}

// Submits one webhook; returns its id, or undefined when it was not accepted.
export function submit(data) {
  const number = exec.scenario.iterationInTest;
  const id = `${data.run}-${exec.scenario.name}-${number}`;
  const eventType = EVENT_TYPES[number % EVENT_TYPES.length];
  const endpoint = data.endpoints[number % data.endpoints.length];
  const body = {
    // Half by endpoint, half by plain URL: both ways in are under load.
    ...(number % 2 ? { endpointId: endpoint.id } : { url: endpoint.url }),
    method: 'POST',
    eventType,
    payload: { event: eventType, id, sent_at_ms: Date.now(), ...EVENTS[eventType](id) },
    headers: { 'X-Event-Type': eventType },
  };
  const response = http.post(`${BASE_URL}/api/v1/webhooks`, JSON.stringify(body), request('submit'));
  const webhook = parsed(response).id;
  const success = check(response, {
    'accepted with 202': (r) => r.status === 202,
    'has a webhook id': () => webhook !== undefined,
  });
  submissionSuccess.add(success);
  if (success) accepted.add(1);
  return success ? webhook : undefined;
}

// Submits, and follows the first and then every FOLLOW_SHARE-th webhook until it is delivered.
export function submitAndFollow(data) {
  const webhook = submit(data);
  const every = Math.max(1, Math.round(1 / FOLLOW_SHARE));
  if (exec.scenario.iterationInTest % every !== 0) return;
  if (webhook === undefined) deliverySuccess.add(false);
  else follow(webhook);
}

// Asks for the status until it is final. End-to-end is from accepted to delivered by the
// service's own clock; the laboratory's sink measures it from outside.
export function follow(webhook) {
  let wait = 0.02;
  for (let waited = 0; waited < FOLLOW_LIMIT_S; waited += wait, wait = Math.min(wait * 2, 1)) {
    sleep(wait);
    const response = http.get(`${BASE_URL}/api/v1/webhooks/${webhook}/status`, request('status'));
    const found = parsed(response);
    if (!check(response, { 'status answers 200': (r) => r.status === 200 })) break;
    if (found.status === 'delivered') {
      endToEnd.add(Date.parse(found.deliveredAt) - Date.parse(found.createdAt));
      deliverySuccess.add(true);
      return found;
    }
    if (found.status === 'failed' || found.status === 'cancelled') break;
  }
  deliverySuccess.add(false);
  return undefined;
}

// A scenario of one VU that looks at the queue once a second, beside the load and not in it.
export function queueWatch(forSeconds) {
  return {
    executor: 'constant-vus', vus: 1, duration: steadyDuration(forSeconds), gracefulStop: '5s', exec: 'watchQueue',
  };
}

export function watchQueue() {
  const began = Date.now();
  sampleQueue();
  untilNextSecond(began);
}

export function sampleQueue() {
  const response = http.get(
    `${BASE_URL}/api/v1/admin/queue/depth`, request('queue_depth', __ENV.ADMIN_TOKEN),
  );
  const { depth } = parsed(response);
  const answered = check(response, {
    'queue depth answered': (r) => r.status === 200 && typeof depth === 'number',
  });
  if (answered) queueDepth.add(depth);
  return answered ? depth : undefined;
}

// A second after `began`; in a run of a few seconds sooner, so that there is more than one look.
export function untilNextSecond(began) {
  sleep(Math.max(0.05, Math.min(1, seconds(60)) - (Date.now() - began) / 1000));
}

// ---- the summary

// Use as `export const handleSummary = summarise;`.
export function summarise(data) {
  const files = { stdout: summaryText(data) };
  if (__ENV.SUMMARY) files[__ENV.SUMMARY] = JSON.stringify(data, null, 1);
  return files;
}

function summaryText(data) {
  const lines = ['', `${ENVIRONMENT}, rates x ${SCALE}, durations x ${DURATION_SCALE}`, ''];
  for (const name of Object.keys(data.metrics).sort()) {
    const { type, contains, values, thresholds = {} } = data.metrics[name];
    lines.push(`${name.padEnd(52)} ${valueText(type, contains, values)}`);
    for (const [expression, { ok }] of Object.entries(thresholds)) {
      lines.push(`  ${ok ? 'ok    ' : 'MISSED'} ${expression}`);
    }
  }
  return `${lines.join('\n')}\n\n`;
}

function valueText(type, contains, values) {
  const number = (value) => (value === undefined ? '-' : Number(value.toFixed(2)).toString());
  if (type === 'counter') return `${number(values.count)} (${number(values.rate)}/s)`;
  if (type === 'rate') return `${(values.rate * 100).toFixed(3)} % (${values.passes} of ${values.passes + values.fails})`;
  if (type === 'gauge') return number(values.value);
  const unit = contains === 'time' ? ' ms' : '';
  return ['med', 'p(95)', 'p(99)', 'max'].map((stat) => `${stat} ${number(values[stat])}${unit}`).join('  ');
}
