// The load for one step of a scaling series: REPLICAS times the promised rate for two minutes.
//
// The load grows with the replicas: the same load at each step would show the same rate at each
// step, whatever the service could do. Keep SUMMARY=scale-1x.json, scale-3x.json, scale-5x.json
// and read them with scripts/analyze_scaling.py. With `--vus 100 --duration 2m` it is a closed
// loop without pauses, which shows the most that 100 connections get through.
// Needs BASE_URL, API_TOKEN, SINK_URL and REPLICAS (default 1); see lib.js.
import {
  TREND_STATS, cleanUp, constantLoad, prepare, submissionThresholds, submitAndFollow, summarise, users,
} from './lib.js';

const REPLICAS = Number(__ENV.REPLICAS || 1);
if (!(REPLICAS >= 1 && Number.isInteger(REPLICAS))) {
  throw new Error(`REPLICAS is ${__ENV.REPLICAS}; it must be a whole number from 1`);
}

// A little over the promised rate, so that the mean from the first to the last reply reaches it.
const scenarios = { scaling: constantLoad(users(501 * REPLICAS), 120) };

export const options = {
  scenarios,
  thresholds: submissionThresholds(scenarios),
  summaryTrendStats: TREND_STATS,
  tags: { replicas: String(REPLICAS) },
};

export function setup() {
  return prepare();
}

export default submitAndFollow;

export function teardown(data) {
  cleanUp(data);
}

export const handleSummary = summarise;
