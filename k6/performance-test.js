// The staged test of half an hour: 100, 500, 1,000 and 2,000 users, five minutes each.
//
// Users are arrivals: one submits every 3 seconds whether or not the service is slow, so the
// stages are 2,000, 10,000 (the promised rate), 20,000 and 40,000 submissions a minute.
// Needs BASE_URL, API_TOKEN, SINK_URL; see lib.js.
import {
  TREND_STATS, cleanUp, prepare, rampingLoad, submissionThresholds, submitAndFollow, summarise,
} from './lib.js';

const scenarios = {
  performance: rampingLoad(0, [
    [120, 100], [300, 100],
    [120, 500], [300, 500],
    [120, 1000], [300, 1000],
    [120, 2000], [300, 2000],
    [120, 0],
  ]),
};

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
