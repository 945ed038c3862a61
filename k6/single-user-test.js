// One user for five minutes, one request after the other: what each call costs when nobody
// else is there. A closed loop is right here; nothing is promised about a rate.
// Needs BASE_URL, API_TOKEN, ADMIN_TOKEN, SINK_URL; see lib.js.
import http from 'k6/http';
import { check, sleep } from 'k6';
import {
  BASE_URL, TARGETS, TREND_STATS, cleanUp, createEndpoint, deliverySuccess, failedShare,
  follow, ms, parsed, prepare, request, sampleQueue, steadyDuration, submit, summarise,
} from './lib.js';

const CALLS = [
  'submit', 'status', 'list', 'list_endpoints', 'create_endpoint', 'read_endpoint',
  'delete_endpoint', 'queue_depth',
];

const thresholds = {
  checks: [`rate>${TARGETS['success-rate']}`],
  submission_success: [`rate>${TARGETS['success-rate']}`],
  delivery_success: [`rate>${TARGETS['success-rate']}`],
  end_to_end: [`p(95)<${ms('delivery-latency')}`],
  http_req_failed: [`rate<${failedShare()}`],
  dropped_iterations: ['count==0'],
};
for (const call of CALLS) {
  thresholds[`http_req_duration{name:${call}}`] = [`p(99)<${ms('api-latency')}`];
  thresholds[`http_reqs{name:${call}}`] = ['count>=1'];
}

export const options = {
  scenarios: {
    single_user: {
      executor: 'constant-vus', vus: 1, duration: steadyDuration(300), gracefulStop: '35s',
    },
  },
  thresholds,
  summaryTrendStats: TREND_STATS,
};

export function setup() {
  return prepare({ admin: true, endpoints: 1 });
}

export default function singleUser(data) {
  const webhook = submit(data);
  if (webhook === undefined) deliverySuccess.add(false);
  else follow(webhook);
  read('list', '/api/v1/webhooks?limit=20');
  read('list_endpoints', '/api/v1/endpoints');
  endpointLife(data);
  sampleQueue();
  sleep(0.1 + Math.random() * 0.4);
}

function endpointLife(data) {
  const made = createEndpoint(`${data.run} of one user`, data.endpoints[0].url);
  const { id } = parsed(made);
  if (!check(made, { 'endpoint created': (r) => [200, 201].includes(r.status) && id !== undefined })) return;
  read('read_endpoint', `/api/v1/endpoints/${id}`);
  const gone = http.del(`${BASE_URL}/api/v1/endpoints/${id}`, null, request('delete_endpoint'));
  check(gone, { 'endpoint deleted': (r) => r.status === 204 });
}

function read(name, path) {
  const response = http.get(`${BASE_URL}${path}`, request(name));
  check(response, { [`${name} answers 200`]: (r) => r.status === 200 });
}

export function teardown(data) {
  cleanUp(data);
}

export const handleSummary = summarise;
