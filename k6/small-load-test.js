// The small baseline: ten users for five minutes, 200 submissions a minute.
// Needs BASE_URL, API_TOKEN, SINK_URL; see lib.js.
import {
  TREND_STATS, cleanUp, constantLoad, prepare, submissionThresholds, submitAndFollow, summarise, users,
} from './lib.js';

const scenarios = { small_load: constantLoad(users(10), 300) };

export const options = {
  scenarios,
  thresholds: submissionThresholds(scenarios),
  summaryTrendStats: TREND_STATS,
};

export function setup() {
  return prepare();
}

export default submitAndFollow;

export function teardown(data) {
  cleanUp(data);
}

export const handleSummary = summarise;
