// Constant load, then a ramp, then spikes: 24.5 minutes, one after the other so that each
// has figures of its own. 500 users are the promised 10,000 submissions a minute.
// Needs BASE_URL, API_TOKEN, ADMIN_TOKEN, SINK_URL; see lib.js.
import {
  TREND_STATS, cleanUp, constantLoad, duration, prepare, queueThresholds, queueWatch, rampingLoad,
  submissionThresholds, submitAndFollow, summarise, users,
} from './lib.js';

// Ten seconds between two scenarios let the queue drain: neither counts the other's stragglers.
const loads = {
  constant_load: constantLoad(users(500), 360, { exec: 'submitWebhook' }),
  ramp_up_load: rampingLoad(0, [[60, 100], [180, 500], [300, 1000], [180, 500], [60, 0]], {
    exec: 'submitWebhook',
    startTime: duration(370),
  }),
  spike_test: rampingLoad(0, [[60, 100], [60, 1000], [60, 100], [60, 2000], [60, 0]], {
    exec: 'submitWebhook',
    startTime: duration(1160),
  }),
};

export const options = {
  scenarios: { ...loads, queue_watch: queueWatch(1460) },
  thresholds: { ...submissionThresholds(loads), ...queueThresholds() },
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
