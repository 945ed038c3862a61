// The load for an autoscaler: quiet, a surge to four times the promised rate, five minutes of
// it, and quiet again for as long as an autoscaler waits before it takes replicas away.
//
// While replicas start, submissions may be slow but not lost: the surge is held to success
// only, the other phases to latency too. How many replicas there were is for the one who
// scales them to record. Needs BASE_URL, API_TOKEN, ADMIN_TOKEN, SINK_URL; see lib.js.
import {
  TREND_STATS, cleanUp, constantLoad, duration, prepare, queueWatch, rampingLoad,
  submissionThresholds, submitAndFollow, summarise, users,
} from './lib.js';

const loads = {
  before: constantLoad(users(250), 120, { exec: 'submitWebhook' }),
  surge: rampingLoad(250, [[60, 2000], [120, 2000]], {
    exec: 'submitWebhook',
    startTime: duration(120),
  }),
  scaled: constantLoad(users(2000), 300, { exec: 'submitWebhook', startTime: duration(300) }),
  after: constantLoad(users(250), 420, { exec: 'submitWebhook', startTime: duration(600) }),
};

export const options = {
  scenarios: { ...loads, queue_watch: queueWatch(1020) },
  thresholds: {
    ...submissionThresholds(loads, { latency: ['before', 'scaled', 'after'] }),
    'http_req_failed{name:queue_depth}': ['rate<0.01'],
    'http_reqs{name:queue_depth}': ['count>=1'],
  },
  summaryTrendStats: TREND_STATS,
};

export function setup() {
  return prepare({ admin: true });
}

export { submitAndFollow as submitWebhook, watchQueue } from './lib.js';
export default submitAndFollow;

export function teardown(data) {
  cleanUp(data);
}

export const handleSummary = summarise;
