// The ceiling of k6: one body, made once, posted as it is; nothing is recorded.
import http from 'k6/http';

export const options = {
  discardResponseBodies: true,
  scenarios: {
    load: { executor: 'constant-vus', vus: Number(__ENV.N), duration: `${__ENV.SECONDS}s` },
  },
};
const body = new Uint8Array(Number(__ENV.BYTES)).fill(65).buffer;
const params = { headers: { 'content-type': 'application/json' } };

export default function () {
  http.post(__ENV.URL, body, params);
}
