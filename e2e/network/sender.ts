/**
 * Sends what a prepared network has to send, each at its time, signed at that moment, again after a failure as a node does; a line of sent.ndjson for
 * each request. Whoever holds it may stop it: what is under way is waited for.
 */
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { ENVELOPE, ENVELOPE_END, RECORD } from '../../mina/envelope.ts';
import type { Network } from '../../mina/network.ts';
import { utcText } from '../../mina/created-at.ts';
import { createSigner, type Signer } from '../../mina/signer.ts';
import { signedText } from '../../mina/submission-text.ts';
import { loadMinaWasm } from '../../paths.ts';
import type { Fleet } from '../../producers/fleet.ts';
import { LineFile } from '../../results/line-file.ts';
import { reasonOf } from '../../system/http.ts';
import { LEAST_GAP_MS } from '../topology.ts';
import type { PreparedNetwork, PreparedSend, PreparedTemplate } from './prepared.ts';

export type SentLine = {
  /** Of the submission; its attempts share it. */
  id: number;
  node: string;
  submitter: string;
  created_at: string;
  peer_id: string;
  block_hash: string;
  graphql_control_port?: number;
  built_with_commit_sha?: string;
  snark_work: boolean;
  sent_ms: number;
  answered_ms?: number;
  /** 0: no answer. */
  status: number;
  message?: string;
  attempt: number;
  era: string;
  kind: string;
};

export type SenderStatus = {
  state: 'ready' | 'sending' | 'ended';
  /** Submissions, not requests. */
  planned: number;
  /** Of which a first request went out. */
  sent: number;
  accepted: number;
  /** Given up, or refused for good. */
  failed: number;
  /** Sends that left more than a second after their time: this machine was busy. */
  late: number;
};

export type SenderRun = {
  network: PreparedNetwork;
  fleet: Fleet | null;
  bodiesFile: string;
  /** `http://127.0.0.1:8080`; paths are added. Of several each submitter takes one after another. */
  targets: readonly string[];
  /** When sends begin, ms since 1970. */
  startMs: number;
  sentFile: string;
  onStatus: (status: SenderStatus) => void;
  signal: AbortSignal;
};

const LATE_MS = 1000;
const ANSWER_MS = 60_000;
/** setTimeout cannot wait longer. */
const LONGEST_MS = 2 ** 31 - 1;
const MESSAGE_CHARACTERS = 200;
const BLOCK_FIELD = Buffer.from('{"block":');
const EMPTY_HEAD = signedText({ block: '', createdAt: '', peerId: '' }).length - '}'.length;

/** Resolves when all is sent and answered, or after `signal` when what was under way is. */
export async function sendAll(run: SenderRun): Promise<SenderStatus> {
  const { network, startMs, signal } = run;
  const agent = new Agent({ connections: 256, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS });
  const work = new Sender(run, agent);
  const status: SenderStatus = {
    state: 'sending',
    planned: network.sends.length,
    sent: 0,
    accepted: 0,
    failed: 0,
    late: 0,
  };
  const say = (): void => run.onStatus({ ...status });
  say();
  const underWay = new Set<Promise<void>>();
  // Each that is under way listens to it.
  setMaxListeners(0, signal);
  for (const [place, send] of network.sends.entries()) {
    await sleepUntil(startMs + send.atMs, signal);
    if (signal.aborted) break;
    if (Date.now() > startMs + send.atMs + LATE_MS) status.late++;
    status.sent++;
    const one = work.submit(place, send).then((isAccepted) => {
      status[isAccepted ? 'accepted' : 'failed']++;
      underWay.delete(one);
      say();
    });
    underWay.add(one);
    say();
    // One that is behind its times never waits above: answers must come through all the same.
    await nextTurn();
  }
  await Promise.all(underWay);
  await agent.close();
  work.close();
  status.state = 'ended';
  say();
  return status;
}

class Sender {
  readonly #run: SenderRun;
  readonly #agent: Agent;
  readonly #sent: LineFile;
  readonly #bodies: Buffer;
  readonly #signer: Signer;
  readonly #templates = new Map<number, number>();
  readonly #keys = new Map<string, number>();
  /** Requests of each submitter. */
  readonly #turns = new Map<string, number>();
  /** Of each submitter. */
  readonly #last = new Map<string, { plannedMs: number; atMs: number }>();

  constructor(run: SenderRun, agent: Agent) {
    this.#run = run;
    this.#agent = agent;
    this.#sent = new LineFile(run.sentFile);
    this.#bodies = readFileSync(run.bodiesFile);
    this.#signer = createSigner(loadMinaWasm());
  }

  close(): void {
    this.#sent.close();
  }

  /** Until an answer ends it, as the node does. @returns whether it was accepted */
  async submit(place: number, send: PreparedSend): Promise<boolean> {
    const { network, signal } = this.#run;
    const { retry } = network;
    await this.#untilFree(send);
    if (signal.aborted) return false;
    const made = this.#bodyOf(send, Math.floor(Date.now() / 1000));
    const firstMs = Date.now();
    for (let attempt = 1; ; attempt++) {
      const status = await this.#post(place, send, made, attempt);
      if (status === 200) return true;
      const nextMs = Date.now() + retry.everyMs;
      if (retry.endedBy.includes(status) || attempt >= retry.attempts) return false;
      if (nextMs - firstMs > retry.withinMs || signal.aborted) return false;
      await sleepUntil(nextMs, signal);
      if (signal.aborted) return false;
    }
  }

  /**
   * What this machine sends late must not come in one second with what follows: a backend keeps one submission of a submitter and second. Those that were
   * planned for one moment belong together, and stay so.
   */
  async #untilFree({ node, atMs: plannedMs }: PreparedSend): Promise<void> {
    const { submitter } = this.#run.network.nodes[node];
    const before = this.#last.get(submitter);
    const nowMs = Date.now();
    const atMs =
      before === undefined || before.plannedMs === plannedMs
        ? nowMs
        : Math.max(nowMs, before.atMs + LEAST_GAP_MS);
    this.#last.set(submitter, { plannedMs, atMs });
    await sleepUntil(atMs, this.#run.signal);
  }

  async #post(
    place: number,
    { node, template, kind }: PreparedSend,
    { body, createdAt }: { body: Buffer; createdAt: string },
    attempt: number,
  ): Promise<number> {
    const { network } = this.#run;
    const { name, submitter, peerId } = network.nodes[node];
    const facts = network.templates[template];
    const line: SentLine = {
      id: place,
      node: name,
      submitter,
      created_at: createdAt,
      peer_id: peerId,
      block_hash: facts.blockHash,
      ...(facts.graphqlControlPort !== '0' && {
        graphql_control_port: Number(facts.graphqlControlPort),
      }),
      ...(facts.builtWithCommitSha !== '' && { built_with_commit_sha: facts.builtWithCommitSha }),
      snark_work: facts.snarkWork,
      sent_ms: Date.now(),
      status: 0,
      attempt,
      era: facts.era,
      kind,
    };
    try {
      const answer = await request(`${this.#targetOf(submitter)}/v1/submit`, {
        method: 'POST',
        dispatcher: this.#agent,
        headers: {
          'content-type': 'application/json',
          'content-length': String(body.length),
          // Nodes have addresses of their own.
          'x-forwarded-for': addressOf(node),
        },
        body,
      });
      const text = await answer.body.text();
      line.answered_ms = Date.now();
      line.status = answer.statusCode;
      // A 200 of something else than the submit route is no acceptance.
      if (answer.statusCode !== 200 || !text.includes('"ok"'))
        line.message = text.slice(0, MESSAGE_CHARACTERS);
      if (answer.statusCode === 200 && line.message !== undefined) line.status = 0;
    } catch (error) {
      line.message = reasonOf(error).slice(0, MESSAGE_CHARACTERS);
    }
    this.#sent.append(JSON.stringify(line));
    return line.status;
  }

  #targetOf(submitter: string): string {
    const { targets } = this.#run;
    const turn = this.#turns.get(submitter) ?? 0;
    this.#turns.set(submitter, turn + 1);
    return targets[turn % targets.length];
  }

  #bodyOf(send: PreparedSend, seconds: number): { body: Buffer; createdAt: string } {
    const facts = this.#run.network.templates[send.template];
    const { offset, bytes, envelopeOffset } = facts.body;
    const body = Buffer.from(this.#bodies.subarray(offset, offset + bytes));
    if (facts.signing === 'recorded') return { body, createdAt: facts.recorded!.createdAt };
    const record = new Uint8Array(RECORD.bytes);
    this.#signer.signEnvelopes(
      {
        templates: Uint32Array.of(this.#templateOf(send.template, facts)),
        keys: Uint32Array.of(this.#keyOf(send.node, send.signedFor ?? 'testnet')),
        createdAt: Uint32Array.of(seconds),
      },
      record,
    );
    body.set(
      record.subarray(RECORD.envelopeOffset, RECORD.envelopeOffset + ENVELOPE.bytes),
      envelopeOffset,
    );
    body.write(ENVELOPE_END, bytes - ENVELOPE_END.length, 'latin1');
    return { body, createdAt: utcText(seconds) };
  }

  #templateOf(
    place: number,
    { signing, graphqlControlPort, builtWithCommitSha }: PreparedTemplate,
  ): number {
    let handle = this.#templates.get(place);
    if (handle === undefined) {
      if (signing === 'recorded') throw new Error('a recorded body is not signed');
      const part = ({ start, end }: { start: number; end: number }) =>
        this.#bodies.subarray(start, end);
      const rest = signedText({
        block: '',
        createdAt: '',
        peerId: '',
        snarkWork: signing.snarkWork && part(signing.snarkWork),
        graphqlControlPort: BigInt(graphqlControlPort),
        builtWithCommitSha,
      }).subarray(EMPTY_HEAD);
      handle = this.#signer.addTemplate(Buffer.concat([BLOCK_FIELD, part(signing.block)]), rest);
      this.#templates.set(place, handle);
    }
    return handle;
  }

  #keyOf(place: number, domain: Network): number {
    const name = `${place} ${domain}`;
    let handle = this.#keys.get(name);
    if (handle === undefined) {
      const { fleet, network } = this.#run;
      const { producer, peerId } = network.nodes[place];
      const bytes = fleet!.privateKeys.length / fleet!.producers.length;
      const key = fleet!.privateKeys.subarray(producer * bytes, (producer + 1) * bytes);
      handle = this.#signer.addKey(key, domain, peerId);
      this.#keys.set(name, handle);
    }
    return handle;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Of 10.0.0.0/8, another one for each node. */
const addressOf = (node: number): string =>
  `10.${(node >> 16) & 255}.${(node >> 8) & 255}.${node & 255}`;

/** Shorter when the signal comes. */
async function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const rest = ms - Date.now();
    if (rest <= 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(rest, LONGEST_MS));
      signal.addEventListener('abort', done);
    });
  }
}
