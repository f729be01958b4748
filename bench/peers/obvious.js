// What one writes first: payload objects in a SharedArray, JSON.stringify for each request.
import { check } from 'k6';
import { SharedArray } from 'k6/data';
import http from 'k6/http';

export const options = {
  scenarios: {
    load: { executor: 'constant-vus', vus: Number(__ENV.N), duration: `${__ENV.SECONDS}s` },
  },
};
const payloads = new SharedArray('payloads', () => JSON.parse(open(__ENV.PAYLOADS)));
const params = { headers: { 'content-type': 'application/json' } };

export default function () {
  const recorded = payloads[Math.floor(Math.random() * payloads.length)];
  // What a SharedArray gives is frozen.
  const data = { ...recorded.data, created_at: new Date().toISOString() };
  const answer = http.post(__ENV.URL, JSON.stringify({ ...recorded, data }), params);
  check(answer, { accepted: ({ status }) => status === 200 });
}
