/**
 * The table of hostile cases: every row of the uptime backend's checks, and clients that misbehave below them, each with the
 * answer that must come.
 *
 * Expected answers are those of the real backend (o1-labs/uptime-service-backend at a358915, Go 1.26), observed on it:
 * test/vectors/backend-answers.json, and this table itself was played against it, with and without whitelist and signatures, with
 * hourly limits of 0, 3, 5 and 120. They are written out here on purpose, not taken from stack/backend: the embedded backend is
 * one of the targets. Where the two differ (`two-framings`), or a proxy may stand before the target, a case says
 * what else is right.
 */
import { decode, encode } from '../../mina/base58check.ts';
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import { SUBMIT_PATH } from '../target/target.ts';
import { bodyOf, type HostileMaterial, type Member, type Tokens, utcText } from './material.ts';
import type { Expected, Part, Script, Step } from './script.ts';

export type HostileContext = {
  material: HostileMaterial;
  /** Value of the Host header. */
  host: string;
  /** Where submissions are posted, e.g. `/v1/submit`. */
  path: string;
  /** Whole lines without their end, for every request, e.g. `Authorization: Bearer …`. */
  headers: readonly string[];
  /** What the target allows a submitter in an hour; null: not known. */
  hourlyLimit: number | null;
  whitelist: 'on' | 'off' | 'unknown';
  signatures: 'checked' | 'unchecked';
  /** It takes several submissions of one submitter within a second, as the original; else it may say {@link SAME_SECOND}. */
  faithful: boolean;
  /** How long the hostile requests go on; null: as long as it takes. */
  durationMs: number | null;
  /** The target was started for this run, so it remembers no earlier submissions. */
  fresh: boolean;
  /** The backend itself reads our bytes: no proxy, load balancer or TLS terminator before it. */
  direct: boolean;
  /** The target's wall clock, milliseconds since 1970, as well as it is known. */
  nowMs: () => number;
  /** How long a slow request takes to be written. */
  slowMs: number;
  /** How long a connection is held without a whole request. */
  holdMs: number;
};

export type HostileCase = {
  /** Short and stable: results are compared by it. */
  name: string;
  /** Number of the check (1 to 10, in the order in which the backend makes them), or what lies below the checks. */
  check: number | 'http' | 'slow';
  /** One plain sentence without a final stop. */
  what: string;
  /** `held`: lasts seconds without work, so it is played beside the others; `once`: long, and changes the target's state. */
  kind?: 'held' | 'once';
  /** How many of it are played at once. */
  copies?: number;
  /** What comes depends on the whitelist: its producers must be in it, or an unlisted one's refusal would be the answer. */
  needsListed?: true;
  build(context: HostileContext): Script;
};

/** Of each submission up to the hourly limit, where a submitter has one in a second. */
const EDGE_MS = 1200;
/** The edge of the hourly limit costs as many requests as the limit: not more than this. */
export const MAX_EDGE_LIMIT = 200;

const error = (status: number, message: string): Expected => ({
  status,
  body: JSON.stringify({ error: message }),
});
const OK: Expected = { status: 200, body: '{"status":"ok"}' };
const NO_LENGTH: Expected = { status: 411, body: '' };
const TOO_LONG: Expected = { status: 413, body: '' };
const UNREADABLE = error(400, 'Error reading the body');
const UNDECODABLE = error(400, 'Error decoding payload');
const INCOMPLETE = error(400, "One of required fields wasn't provided");
const FUTURE = error(400, 'Field created_at is a timestamp in future');
const BAD_SIGNATURE = error(401, 'Invalid signature');
const TOO_MANY = error(429, 'Too many requests per hour');
/** Of the embedded backend: the next second will do. */
export const SAME_SECOND = error(429, 'Only one submission per second is kept');
const notRegistered = ({ publicKey }: Member): Expected =>
  error(401, `Submitter is not registered: ${publicKey}`);
/** The catch-all of the backend, which answers 200 to every other path. */
const SERVICE: Expected = { status: 200, body: 'delegation backend service' };
const CLOSED: Expected = { closed: true };
const SILENT: Expected = { silent: true };

// Requests.

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

function head(
  { host, path, headers }: HostileContext,
  lines: readonly string[],
  { method = 'POST', to = path, hosts = [`Host: ${host}`] } = {},
): Buffer {
  const all = [`${method} ${to} HTTP/1.1`, ...hosts, ...headers, ...lines];
  return ascii(`${all.join('\r\n')}\r\n\r\n`);
}

const CLOSE = 'Connection: close';
const JSON_TYPE = 'Content-Type: application/json';
const length = (bytes: number | string): string => `Content-Length: ${bytes}`;

/** A whole request, as a producer would send it but for its body and the lines given. */
const post = (
  context: HostileContext,
  body: Uint8Array,
  lines: readonly string[] = [CLOSE],
): Buffer =>
  Buffer.concat([head(context, [JSON_TYPE, length(body.length), ...lines]), Buffer.from(body)]);

const chunked = (context: HostileContext, body: Uint8Array): Buffer =>
  Buffer.concat([
    head(context, [JSON_TYPE, 'Transfer-Encoding: chunked', CLOSE]),
    ascii(`${body.length.toString(16)}\r\n`),
    body,
    ascii('\r\n0\r\n\r\n'),
  ]);

/** The catch-all beside the submit route, as far as the target's path shows it. */
const aliveRequest = (context: HostileContext): Buffer =>
  head(context, [CLOSE], { method: 'GET', to: context.path.slice(0, -SUBMIT_PATH.length) || '/' });

// Steps.

const send = (bytes: Uint8Array): Step => ({ do: 'send', bytes });
const answer = (...oneOf: Expected[]): Step => ({ do: 'answer', oneOf });
const FINISH: Step = { do: 'finish' };
/** The backend ends the connection; a proxy may keep its own open. */
const ended = ({ direct }: HostileContext): Step[] => (direct ? [{ do: 'ended' }] : []);

const part = (label: string, ...steps: Step[]): Part => ({ label, steps });
const one = (...steps: Step[]): Script => ({ parts: [part('', ...steps)] });

/**
 * Answers that HTTP itself gives. Before the backend a proxy may stand, which answers in its own words, or ends the connection:
 * nginx, for one, gathers a body without a length and passes it on with one, and answers 413 with a page.
 */
const below = ({ direct }: HostileContext, ...oneOf: Expected[]): Step =>
  direct ? answer(...oneOf) : answer(...oneOf, { refused: true }, CLOSED);

/** What follows is on a new connection: the target must still answer. */
const stillAlive = (context: HostileContext): Step[] => [
  { do: 'reconnect' },
  send(aliveRequest(context)),
  // A proxy may show only the submit route.
  context.direct ? answer(SERVICE) : answer(SERVICE, { status: 200 }, { refused: true }),
];

// Signed submissions.

const nowS = ({ nowMs }: HostileContext): number => Math.floor(nowMs() / 1000);

/** A target that was up before may remember this hour's earlier run with the same seed. */
const accepted = ({ fresh }: HostileContext): Expected[] => (fresh ? [OK] : [OK, TOO_MANY]);

const USED_UP: Script = { notRun: 'its producers have nothing left of their hourly limit' };

/** A script with a producer whose submission will be accepted. */
function withMember(
  { material }: HostileContext,
  build: (member: Member) => readonly Part[],
): Script {
  const member = material.take();
  return member === null ? USED_UP : { parts: build(member) };
}

/** A right submission of the last minute, with its optional fields where given. */
const signed = (
  context: HostileContext,
  member: Member,
  options: Partial<Parameters<HostileMaterial['sign']>[0]> = {},
): ReturnType<HostileMaterial['sign']> =>
  context.material.sign({ member, createdAt: nowS(context), ...options });

/** Bodies that no check after the fourth or fifth ever sees: each is sent and gets one answer. */
function refusedBodies(
  name: string,
  check: number,
  what: string,
  expected: Expected,
  bodies: (tokens: ReturnType<HostileMaterial['sign']>) => readonly [string, Uint8Array | Tokens][],
): HostileCase {
  return {
    name,
    check,
    what,
    build(context) {
      const tokens = signed(context, context.material.refused);
      return {
        parts: bodies(tokens).map(([label, body]) =>
          part(
            label,
            send(post(context, body instanceof Uint8Array ? body : bodyOf(body))),
            answer(expected),
          ),
        ),
      };
    },
  };
}

/**
 * A submission that every target refuses, and that changes nothing there: of a day ahead. The whitelist is asked before the time, so
 * what comes says whether it holds the member.
 */
export const whitelistQuestion = (context: HostileContext, member: Member): Buffer =>
  post(context, bodyOf(signed(context, member, { createdAt: nowS(context) + 86_400 })));

/** What {@link whitelistQuestion} is answered with: `listed` also where there is no whitelist. */
export const WHITELIST_ANSWERS = {
  listed: FUTURE,
  unlisted: notRegistered,
} as const satisfies Record<string, Expected | ((member: Member) => Expected)>;

/** Another character of base64 or base58 in the middle of a token: still well formed, but another value. */
function changed(token: string): string {
  const at = Math.floor(token.length / 2);
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

/** The signature with one bit of its 64 bytes flipped, well formed again. */
function flippedSignature(token: string, byte: number): string {
  const bytes = decode('signature', token.slice(1, -1)).slice();
  bytes[byte] ^= 1;
  return `"${encode('signature', bytes)}"`;
}

const SNARK_WORK = '"c25hcmsgd29yaw=="';
const OPTIONAL = {
  snarkWork: SNARK_WORK,
  graphqlControlPort: 3085,
  builtWithCommitSha: '0123456789abcdef0123456789abcdef01234567',
};

/**
 * A part of what is signed, or the signature, or the signer, is another than when it was signed.
 * @param change the fields that differ; `other` is another registered producer
 */
function badSignature(
  name: string,
  what: string,
  change: (
    tokens: ReturnType<HostileMaterial['sign']>,
    other: { context: HostileContext; member: Member },
  ) => Tokens,
  options: Partial<Parameters<HostileMaterial['sign']>[0]> = OPTIONAL,
): HostileCase {
  return {
    name: `signature-${name}`,
    check: 8,
    what,
    needsListed: true,
    build(context) {
      const { material, signatures } = context;
      const body = (member: Member): Buffer => {
        const tokens = signed(context, member, options);
        const other = member === material.refused ? material.atLimit : material.refused;
        return bodyOf({ ...tokens, ...change(tokens, { context, member: other }) });
      };
      if (signatures === 'checked')
        return one(send(post(context, body(material.refused))), answer(BAD_SIGNATURE));
      return withMember(context, (member) => [
        part('', send(post(context, body(member))), answer(...accepted(context))),
      ]);
    },
  };
}

/** A submission that must be accepted. */
function rightSubmission(
  name: string,
  check: HostileCase['check'],
  what: string,
  steps: (context: HostileContext, member: Member) => Step[],
  kind?: HostileCase['kind'],
): HostileCase {
  return {
    name,
    check,
    what,
    needsListed: true,
    ...(kind && { kind }),
    build: (context) => withMember(context, (member) => [part('', ...steps(context, member))]),
  };
}

/** A request that HTTP servers judge before any check. */
const malformed = (
  name: string,
  what: string,
  bytes: (context: HostileContext) => Uint8Array,
  ...oneOf: Expected[]
): HostileCase => ({
  name,
  check: 'http',
  what,
  build: (context) => one(send(bytes(context)), below(context, ...oneOf), ...ended(context)),
});

const text = (name: string, body: string): [string, Buffer] => [name, ascii(body)];

const AHEAD_S = 300;
/** A submission this much beyond the edge is refused, if it is judged before {@link EDGE_JUDGED_MS} are over. */
const BEYOND_S = 10;
const EDGE_JUDGED_MS = 8000;

const BAD_REQUEST: Expected = { status: 400 };

/** What the checks of the backend, 1 to 10, say. */
const CHECKS: readonly HostileCase[] = [
  {
    // The row "no Content-Length" is about chunked bodies: with neither header a request has no body (RFC 9112, 6.3), and the
    // backend, whose HTTP server then counts a length of 0, goes on to decode nothing.
    name: 'no-length',
    check: 1,
    what: 'a right submission as a chunked body, which has no length',
    build: (context) =>
      one(
        send(chunked(context, bodyOf(signed(context, context.material.refused)))),
        context.direct ? answer(NO_LENGTH) : below(context, NO_LENGTH, OK, TOO_MANY),
      ),
  },
  {
    name: 'no-body',
    check: 4,
    what: 'neither a length nor a body',
    build: (context) => one(send(head(context, [CLOSE])), below(context, UNDECODABLE)),
  },
  {
    name: 'too-long',
    check: 2,
    what: 'a body one byte longer than allowed, or absurdly long, is announced',
    build: (context) => ({
      parts: [MAX_BODY_BYTES + 1, 9_000_000_000_000_000].map((bytes) =>
        part(
          `${bytes} bytes`,
          send(head(context, [JSON_TYPE, length(bytes)])),
          below(context, TOO_LONG),
          ...ended(context),
        ),
      ),
    }),
  },
  {
    name: 'too-long-begun',
    check: 2,
    what: 'a body that is too long, and its first bytes',
    build: (context) =>
      one(
        send(head(context, [JSON_TYPE, length(MAX_BODY_BYTES + 1)])),
        send(ascii('{"version":1,"data":{"block":"'.padEnd(1000, 'A'))),
        // Who closes a connection with bytes unread resets it, and a reset may overtake the answer.
        below(context, TOO_LONG, CLOSED),
      ),
  },
  {
    // Were the limit lower by one, this were 413.
    name: 'longest-cut-off',
    check: 3,
    what: 'the longest body allowed is announced, but ends after a few bytes',
    build: (context) =>
      one(
        send(head(context, [JSON_TYPE, length(MAX_BODY_BYTES)])),
        send(ascii('{"version":1')),
        FINISH,
        below(context, UNREADABLE),
      ),
  },
  {
    name: 'cut-off',
    check: 3,
    what: 'the body ends before its announced length: at half, before its last byte, and before its first',
    build: (context) => {
      const body = bodyOf(signed(context, context.material.refused));
      const lengths = { half: body.length >> 1, 'all but one byte': body.length - 1, nothing: 0 };
      return {
        parts: Object.entries(lengths).map(([label, bytes]) =>
          part(
            label,
            send(head(context, [JSON_TYPE, length(body.length)])),
            ...(bytes === 0 ? [] : [send(body.subarray(0, bytes))]),
            FINISH,
            below(context, UNREADABLE),
            ...ended(context),
          ),
        ),
      };
    },
  },
  {
    name: 'dropped',
    check: 3,
    what: 'the connection is reset in the middle of the body; the target must go on',
    build: (context) => {
      const request = post(context, bodyOf(signed(context, context.material.refused)));
      return one(
        send(request.subarray(0, request.length >> 1)),
        { do: 'drop' },
        ...stillAlive(context),
      );
    },
  },
  refusedBodies('not-json', 4, 'bodies that are no JSON', UNDECODABLE, (tokens) => {
    const right = bodyOf(tokens).toString('latin1');
    return [
      text('empty', ''),
      text('white space', ' '),
      text('plain text', 'hello'),
      text('a form', 'block=AAEC&submitter=B62'),
      text('cut JSON', right.slice(0, right.length >> 1)),
      text('text after it', `${right}x`),
      text('two objects', `${right}${right}`),
      text('byte order mark', `\xef\xbb\xbf${right}`),
      text('single quotes', right.replaceAll('"', "'")),
      text('comma at the end', `${right.slice(0, -1)},}`),
      text('control character', right.replace('"version"', '"ver\x01sion"')),
      text('bytes of no text', '\x00\xff\xfe\x80'),
    ];
  }),
  refusedBodies(
    'nested',
    4,
    'JSON nested 100,000 deep, to exhaust a stack',
    UNDECODABLE, // Go gives up at a depth of 10,000
    () => [
      text('open arrays', '['.repeat(100_000)),
      text('whole', `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      text('objects', '{"data":'.repeat(100_000)),
    ],
  ),
  refusedBodies(
    'wrong-types',
    4,
    'JSON of another shape: values of a wrong type, field by field',
    UNDECODABLE,
    (tokens) => [
      text('an array', '[]'),
      text('a text', '"submission"'),
      text('a number', '1'),
      text('data an array', '{"data":[]}'),
      text('data a text', '{"data":"x"}'),
      ['block a number', { ...tokens, block: '1' }],
      ['block an array', { ...tokens, block: '[0,1,2]' }],
      ['created_at a number', { ...tokens, created_at: '1700000000' }],
      ['created_at an object', { ...tokens, created_at: '{}' }],
      ['peer_id a number', { ...tokens, peer_id: '12' }],
      ['snark_work a number', { ...tokens, snark_work: '1' }],
      ['graphql_control_port a text', { ...tokens, graphql_control_port: '"3085"' }],
      ['graphql_control_port a fraction', { ...tokens, graphql_control_port: '3085.5' }],
      ['graphql_control_port beyond 64 bits', { ...tokens, graphql_control_port: `${2n ** 63n}` }],
      ['built_with_commit_sha a number', { ...tokens, built_with_commit_sha: '1' }],
      ['submitter a number', { ...tokens, submitter: '62' }],
      ['submitter null', { ...tokens, submitter: 'null' }],
      ['signature an array', { ...tokens, signature: '[]' }],
      ['signature null', { ...tokens, signature: 'null' }],
    ],
  ),
  refusedBodies(
    'bad-base58',
    4,
    'submitter and signature that are no base58check of their kind',
    UNDECODABLE,
    ({ ...tokens }) => {
      const submitter = tokens.submitter!;
      const signature = tokens.signature;
      return [
        ['submitter empty', { ...tokens, submitter: '""' }],
        ['submitter cut', { ...tokens, submitter: `${submitter.slice(0, -2)}"` }],
        ['submitter with 0', { ...tokens, submitter: submitter.replace('B62', 'B02') }],
        ['submitter with wrong checksum', { ...tokens, submitter: changed(submitter) }],
        ['submitter is a signature', { ...tokens, submitter: signature }],
        ['signature empty', { ...tokens, signature: '""' }],
        ['signature with l', { ...tokens, signature: `"7l${signature.slice(3)}` }],
        ['signature with wrong checksum', { ...tokens, signature: changed(signature) }],
        ['signature is a public key', { ...tokens, signature: submitter }],
      ];
    },
  ),
  refusedBodies(
    'bad-base64',
    4,
    'blocks and snark work that are no base64',
    UNDECODABLE,
    (tokens) => [
      ['block without padding', { ...tokens, block: '"AAE"' }],
      ['block with too much padding', { ...tokens, block: '"AAEC===="' }],
      ['block in the alphabet of URLs', { ...tokens, block: '"-_-_"' }],
      ['block with a space', { ...tokens, block: '"AA EC"' }],
      ['block of text', { ...tokens, block: '"no block!"' }],
      ['snark work of text', { ...tokens, snark_work: '"no work!"' }],
      ['snark work without padding', { ...tokens, snark_work: '"AA"' }],
    ],
  ),
  refusedBodies('bad-time', 4, 'times that are no RFC 3339', UNDECODABLE, (tokens) =>
    [
      '',
      'now',
      '1700000000',
      '2026-01-02',
      '2026-01-02 03:04:05Z',
      '2026-01-02T03:04:05',
      '2026-13-02T03:04:05Z',
      '2026-02-29T03:04:05Z',
      '2026-01-02T24:00:00Z',
      '2026-01-02T03:04:05+0100',
    ].map((time) => [`created_at "${time}"`, { ...tokens, created_at: `"${time}"` }]),
  ),
  refusedBodies('missing', 5, 'required fields missing, null or zero', INCOMPLETE, (tokens) => [
    text('empty object', '{}'),
    text('null', 'null'),
    text('data null', '{"data":null}'),
    ...(['block', 'created_at', 'peer_id', 'submitter', 'signature'] as const).map(
      (field): [string, Tokens] => [`no ${field}`, { ...tokens, [field]: undefined }],
    ),
    ...(['block', 'created_at', 'peer_id'] as const).map((field): [string, Tokens] => [
      `${field} null`,
      { ...tokens, [field]: 'null' },
    ]),
    ['peer_id empty', { ...tokens, peer_id: '""' }],
    ['created_at of the year 1', { ...tokens, created_at: '"0001-01-01T00:00:00Z"' }],
    [
      'submitter of zeros',
      { ...tokens, submitter: `"${encode('publicKey', new Uint8Array(33))}"` },
    ],
    [
      'signature of zeros',
      { ...tokens, signature: `"${encode('signature', new Uint8Array(64))}"` },
    ],
  ]),
  {
    name: 'unknown-submitter',
    check: 6,
    what: 'a rightly signed submission of a producer outside the whitelist',
    build: (context) => {
      const { material, whitelist } = context;
      const { outsider } = material;
      if (whitelist !== 'on' && !material.claim(outsider)) return USED_UP;
      const refusal = notRegistered(outsider);
      return one(
        send(post(context, bodyOf(signed(context, outsider)))),
        answer(
          ...(whitelist === 'on'
            ? [refusal]
            : whitelist === 'off'
              ? accepted(context)
              : [refusal, ...accepted(context)]),
        ),
      );
    },
  },
  {
    // The whitelist is asked before time and signature, but after the fields.
    name: 'unknown-and-worse',
    check: 6,
    what: 'a producer outside the whitelist whose submission has other faults: the first check decides',
    build: (context) => {
      const { material, whitelist, signatures } = context;
      const { outsider } = material;
      const tokens = signed(context, outsider);
      const later = signed(context, outsider, { createdAt: nowS(context) + 86_400 });
      const byWhitelist = (otherwise: Expected): Step => {
        const refusal = notRegistered(outsider);
        if (whitelist === 'on') return answer(refusal);
        return whitelist === 'off' ? answer(otherwise) : answer(refusal, otherwise);
      };
      const parts = [
        part(
          'and a field missing',
          send(post(context, bodyOf({ ...tokens, peer_id: undefined }))),
          answer(INCOMPLETE),
        ),
        part('and in the future', send(post(context, bodyOf(later))), byWhitelist(FUTURE)),
      ];
      if (signatures === 'checked')
        parts.push(
          part(
            'and wrongly signed',
            send(post(context, bodyOf({ ...tokens, block: changed(tokens.block) }))),
            byWhitelist(BAD_SIGNATURE),
          ),
        );
      return { parts };
    },
  },
  {
    name: 'future',
    check: 7,
    what: 'created_at beyond 5 minutes ahead: just so, by its time zone, by a day, and wrongly signed as well',
    needsListed: true,
    build: (context) => {
      const { refused } = context.material;
      const edge = nowS(context) + AHEAD_S + BEYOND_S;
      const atEdge = signed(context, refused, { createdAt: edge });
      const day = signed(context, refused, { createdAt: nowS(context) + 86_400 });
      // What is signed is the time in UTC, whatever zone it was written in.
      const zoned = `"${utcText(edge - 5400).slice(0, -1)}-01:30"`;
      const soon: Step = { do: 'answer', oneOf: [FUTURE], withinMs: EDGE_JUDGED_MS };
      return {
        parts: [
          part(`${BEYOND_S} s beyond`, send(post(context, bodyOf(atEdge))), soon),
          part(
            `${BEYOND_S} s beyond, in another zone`,
            send(post(context, bodyOf({ ...atEdge, created_at: zoned }))),
            soon,
          ),
          part('a day', send(post(context, bodyOf(day))), answer(FUTURE)),
          part(
            'a day, wrongly signed',
            send(post(context, bodyOf({ ...day, block: changed(day.block) }))),
            answer(FUTURE),
          ),
        ],
      };
    },
  },
  rightSubmission(
    'almost-future',
    7,
    'created_at 2 seconds inside the 5 minutes ahead',
    (context, member) => [
      send(
        post(context, bodyOf(signed(context, member, { createdAt: nowS(context) + AHEAD_S - 2 }))),
      ),
      answer(...accepted(context)),
    ],
  ),
  rightSubmission(
    'long-past',
    7,
    'created_at in 2001: the past is never refused',
    (context, member) => [
      send(post(context, bodyOf(signed(context, member, { createdAt: 1_000_000_000 })))),
      answer(...accepted(context)),
    ],
  ),
  badSignature('block', 'another block than the signed one', ({ block }) => ({
    block: changed(block),
  })),
  badSignature('created-at', 'created_at one second off', (_tokens, { context }) => ({
    created_at: `"${utcText(nowS(context) - 7)}"`,
  })),
  badSignature('peer-id', 'another peer id than the signed one', (_tokens, { member }) => ({
    peer_id: `"${member.peerId}"`,
  })),
  badSignature('snark-work', 'other snark work than the signed one', () => ({
    snark_work: '"b3RoZXIgd29yaw=="',
  })),
  badSignature('snark-work-removed', 'the signed snark work left out', () => ({
    snark_work: undefined,
  })),
  badSignature(
    'snark-work-added',
    'snark work that was not signed',
    () => ({ snark_work: SNARK_WORK }),
    {},
  ),
  badSignature('port', 'another graphql_control_port than the signed one', () => ({
    graphql_control_port: '3086',
  })),
  badSignature('commit', 'another built_with_commit_sha than the signed one', () => ({
    built_with_commit_sha: '"1123456789abcdef0123456789abcdef01234567"',
  })),
  badSignature(
    'submitter',
    'the submitter is another registered producer',
    (_tokens, { member }) => ({
      submitter: `"${member.publicKey}"`,
    }),
  ),
  badSignature('rx', 'one bit of rx, the first half of the signature, flipped', (tokens) => ({
    signature: flippedSignature(tokens.signature, 0),
  })),
  badSignature('s', 'one bit of s, the second half of the signature, flipped', (tokens) => ({
    signature: flippedSignature(tokens.signature, 32),
  })),
  badSignature('of-ones', 'a signature of which rx and s are beyond their fields', () => ({
    signature: `"${encode('signature', new Uint8Array(64).fill(0xff))}"`,
  })),
  badSignature('other-network', 'signed for the other network', () => ({}), {
    ...OPTIONAL,
    otherNetwork: true,
  }),
  {
    // Refused submissions do not count, and the signature is checked before the limit: recorded on the real backend.
    name: 'hourly-limit',
    check: 9,
    what: 'one producer up to its hourly limit and beyond it, with wrongly signed ones that must not count',
    kind: 'once',
    needsListed: true,
    build: (context) => {
      const { hourlyLimit, material, signatures, faithful, durationMs } = context;
      if (hourlyLimit === null)
        return { notRun: "the target's hourly limit is not known: --hourly-limit N gives it" };
      if (hourlyLimit > MAX_EDGE_LIMIT)
        return {
          notRun: `the hourly limit is ${hourlyLimit}, and its edge is tried up to ${MAX_EDGE_LIMIT} only`,
        };
      if (!faithful && durationMs !== null && hourlyLimit * EDGE_MS > durationMs)
        return {
          notRun: `the target takes one submission of a producer in a second, so the edge of its hourly limit of ${hourlyLimit} takes ${(hourlyLimit * EDGE_MS) / 1000} s: use --faithful, a longer --duration or a lower --hourly-limit`,
        };
      // Where everybody may submit, somebody does who never did: the hour is whole, whatever ran before.
      const isOpen = context.whitelist === 'off';
      const fresh = context.fresh || isOpen;
      const member = isOpen ? material.newcomer : material.atLimit;
      const right = post(context, bodyOf(signed(context, member)));
      const wrong = post(
        context,
        bodyOf({ ...signed(context, member, OPTIONAL), snark_work: undefined }),
      );
      const bad = (label: string): Part[] =>
        signatures === 'checked' ? [part(label, send(wrong), answer(BAD_SIGNATURE))] : [];
      const within = Array.from({ length: hourlyLimit }, (_, i) =>
        part(`number ${i + 1}`, send(right), answer(...(fresh ? [OK] : [OK, TOO_MANY]))),
      );
      return {
        parts: [
          ...bad('wrongly signed, before'),
          ...bad('wrongly signed, before'),
          ...within,
          part(`number ${hourlyLimit + 1}`, send(right), answer(TOO_MANY)),
          ...bad('wrongly signed, after'),
          part(`number ${hourlyLimit + 2}`, send(right), answer(TOO_MANY)),
        ],
      };
    },
  },
  rightSubmission(
    'right',
    10,
    'a right submission with all fields, between the wrong ones',
    (context, member) => [
      send(post(context, bodyOf(signed(context, member, OPTIONAL)))),
      answer(...accepted(context)),
    ],
  ),
];

/** Clients that misbehave below the checks: what a server of HTTP must stand. */
const HTTP: readonly HostileCase[] = [
  {
    name: 'pipelining',
    check: 'http',
    needsListed: true,
    what: 'four requests in one go on one connection, answered in their order',
    build: (context) => {
      const { material } = context;
      const [a, b] = [material.take(), material.take()];
      if (a === null || b === null) return USED_UP;
      const keep: string[] = [];
      return one(
        send(
          Buffer.concat([
            post(context, ascii('{}'), keep),
            post(context, bodyOf(signed(context, a)), keep),
            post(context, ascii('nothing'), keep),
            post(context, bodyOf(signed(context, b)), [CLOSE]),
          ]),
        ),
        answer(INCOMPLETE),
        answer(...accepted(context)),
        answer(UNDECODABLE),
        answer(...accepted(context)),
        ...ended(context),
      );
    },
  },
  {
    name: 'garbage-after',
    check: 'http',
    what: 'bytes after the body that are no request: the submission is answered, then the connection ends',
    build: (context) =>
      one(
        send(post(context, ascii('{}'), [])),
        send(ascii('garbage\r\n\r\n')),
        answer(INCOMPLETE),
        below(context, BAD_REQUEST),
        ...ended(context),
      ),
  },
  rightSubmission(
    'headers-10000',
    'http',
    'a right submission with 10,000 headers, 200 KB of them',
    (context, member) => [
      send(
        post(context, bodyOf(signed(context, member)), [
          CLOSE,
          ...Array.from({ length: 10_000 }, (_, i) => `X-Hostile-${i}: 0`),
        ]),
      ),
      // Go takes up to 1 MiB of headers, however many; node:http takes 16 KB unless told otherwise, as the embedded backend tells it.
      below(context, ...accepted(context)),
    ],
  ),
  malformed(
    'headers-too-long',
    '1.2 MB of headers: more than the backend reads',
    (context) => head(context, [`X-Hostile: ${'x'.repeat(1_200_000)}`, length(0)]),
    { status: 431 },
    // With bytes unread the end of the connection is a reset, which may overtake the answer.
    CLOSED,
  ),
  {
    name: 'half-closed',
    check: 'http',
    needsListed: true,
    what: 'a right submission whose sender ends its side at once, and reads on',
    build: (context) =>
      withMember(context, (member) => [
        part(
          '',
          send(post(context, bodyOf(signed(context, member)), [])),
          FINISH,
          below(context, ...accepted(context)),
          ...ended(context),
        ),
      ]),
  },
  {
    name: 'other-path',
    check: 'http',
    what: 'the submit path with a slash at its end is another path, and answers 200 without taking anything',
    build: (context) =>
      one(
        send(
          Buffer.concat([
            head(context, [JSON_TYPE, length(2), CLOSE], { to: `${context.path}/` }),
            ascii('{}'),
          ]),
        ),
        context.direct ? answer(SERVICE) : answer(SERVICE, { status: 301 }, { refused: true }),
      ),
  },
  {
    // Request smuggling. RFC 9112, 6.1: the chunks decide, or it is refused. Go 1.26 takes the chunks, so 411; node:http refuses.
    name: 'two-framings',
    check: 'http',
    what: 'a Content-Length beside chunks, as used to smuggle requests',
    build: (context) =>
      one(
        send(
          Buffer.concat([
            head(context, [length(2), 'Transfer-Encoding: chunked', CLOSE]),
            ascii('2\r\n{}\r\n0\r\n\r\n'),
          ]),
        ),
        below(context, NO_LENGTH, BAD_REQUEST),
        ...ended(context),
      ),
  },
  malformed(
    'two-lengths',
    'two Content-Length that differ',
    (context) => Buffer.concat([head(context, [length(2), length(3)]), ascii('{}')]),
    BAD_REQUEST,
  ),
  {
    name: 'bad-length',
    check: 'http',
    what: 'lengths that are no numbers',
    build: (context) => ({
      parts: ['-1', '+2', '0x10', '99999999999999999999999'].map((bytes) =>
        part(
          bytes,
          send(head(context, [length(bytes)])),
          below(context, BAD_REQUEST),
          ...ended(context),
        ),
      ),
    }),
  },
  malformed(
    'no-host',
    'no Host header',
    (context) => Buffer.concat([head(context, [length(2), CLOSE], { hosts: [] }), ascii('{}')]),
    BAD_REQUEST,
  ),
  malformed(
    'unknown-coding',
    'a transfer coding that nobody knows',
    (context) => head(context, ['Transfer-Encoding: gzip']),
    { status: 501 },
  ),
  malformed('not-http', 'a line that is no HTTP', () => ascii('garbage\r\n\r\n'), BAD_REQUEST),
  malformed(
    'old-version',
    'HTTP/2.0 in the words of HTTP/1',
    ({ host, path }) => ascii(`POST ${path} HTTP/2.0\r\nHost: ${host}\r\n\r\n`),
    { status: 505 },
  ),
  {
    // Both backends say 400, but nothing was asked yet, so silence would be right as well.
    name: 'head-cut-off',
    check: 'http',
    what: 'the headers end in their middle',
    build: (context) =>
      one(
        send(head(context, [length(2)]).subarray(0, -10)),
        FINISH,
        below(context, BAD_REQUEST, CLOSED),
      ),
  },
  {
    name: 'expect-continue',
    check: 'http',
    what: 'a sender that asks before it sends a body that is too long is refused at once',
    build: (context) =>
      one(
        send(head(context, [length(MAX_BODY_BYTES + 1), 'Expect: 100-continue'])),
        below(context, TOO_LONG),
        ...ended(context),
      ),
  },
];

/** Clients that take their time. The real backend has no time limits at all (http.ListenAndServe). */
const SLOW: readonly HostileCase[] = [
  rightSubmission(
    'slow-body',
    'slow',
    'a right submission whose body comes in small pieces, seconds long',
    (context, member) => {
      const body = bodyOf(signed(context, member));
      return [
        send(head(context, [JSON_TYPE, length(body.length), CLOSE])),
        drip(context, body),
        below(context, ...accepted(context)),
      ];
    },
    'held',
  ),
  {
    name: 'slow-headers',
    check: 'slow',
    what: 'headers that come in small pieces, seconds long',
    kind: 'held',
    build: (context) =>
      one(
        drip(context, head(context, [JSON_TYPE, length(2), CLOSE])),
        send(ascii('{}')),
        below(context, INCOMPLETE),
      ),
  },
  held('half-open', 'connections on which nothing is sent', () => []),
  held('half-headers', 'connections on which the headers never end', (context) => [
    send(head(context, [JSON_TYPE, length(2)]).subarray(0, -2)),
  ]),
  held('half-body', 'connections on which the body never ends', (context) => {
    const request = post(context, bodyOf(signed(context, context.material.refused)), []);
    return [send(request.subarray(0, -1))];
  }),
];

/** How many pieces something slow comes in. */
const PIECES = 20;

function drip({ slowMs }: HostileContext, bytes: Uint8Array): Step {
  const pieceBytes = Math.ceil(bytes.length / PIECES);
  return { do: 'drip', bytes, pieceBytes, everyMs: slowMs / PIECES };
}

/**
 * A connection that is held, and then dropped. The backend waits, for ever; one with time limits may say 408 or close, which is
 * its good right.
 */
function held(name: string, what: string, begin: (context: HostileContext) => Step[]): HostileCase {
  return {
    name,
    check: 'slow',
    what,
    kind: 'held',
    copies: 5,
    build: (context) =>
      one(
        ...begin(context),
        { do: 'hold', ms: context.holdMs, oneOf: [SILENT, { status: 408 }, CLOSED] },
        ...stillAlive(context),
      ),
  };
}

export const HOSTILE_CASES: readonly HostileCase[] = [...CHECKS, ...HTTP, ...SLOW];
