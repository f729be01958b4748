/**
 * Faults of a load: what is asked for against what the run has and how long it lasts, the way through the proxies, and what really happened
 * as marks.
 */
import { type FaultEvent, FaultPlayer } from '../faults/player.ts';
import { type Proxies, startProxies } from '../faults/proxy/client.ts';
import {
  type AskedFault,
  type FaultTurn,
  needProblems,
  parseFault,
  scheduleProblems,
  turnsOf,
} from '../faults/schedule.ts';
import { faultId } from '../results/faults.ts';
import type { MarkLine, PlannedFault } from '../results/types.ts';
import { EXIT, UserError } from '../user-error.ts';
import type { LoadJob } from './job.ts';

/** Of texts that were checked one by one. */
export const askedFaults = (texts: readonly string[]): AskedFault[] =>
  texts.map((text) => parseFault(text)).flatMap((asked) => ('problems' in asked ? [] : [asked]));

/** What of the job's other options does not go with faults, or is missing for one. @returns every problem, a sentence each */
export function faultProblems(
  asked: readonly AskedFault[],
  { targets, transport, search, ab, isHostile }: Pick<LoadJob, 'targets' | 'transport'> & { search: boolean; ab: boolean; isHostile: boolean }, // prettier-ignore
): string[] {
  if (asked.length === 0) return [];
  const problems: string[] = [];
  if (search)
    problems.push('--fault has its times in one load, and a search has many: find the rate first, then load at it with faults'); // prettier-ignore
  if (ab)
    problems.push('--fault disturbs one load, and --ab compares many: what differs is to be the target alone'); // prettier-ignore
  if (isHostile)
    problems.push('--fault does not go with hostile requests: each of them is judged by its answer, and a fault would give it'); // prettier-ignore
  return [
    ...problems,
    ...needProblems(asked, {
      isEmbedded: targets.length === 0 && !ab,
      targets: targets.map(({ url }) => url),
      hasProxy: transport.proxy !== null,
      platform: process.platform,
    }),
  ];
}

/** @throws UserError (exit 2) with all that lies outside the load or does not go together */
export function decidedTurns(asked: readonly AskedFault[], loadMs: number): FaultTurn[] {
  const problems = scheduleProblems(asked, loadMs);
  if (problems.length > 0)
    throw new UserError(problems.join('\n'), {
      hint: 'docs/faults.md has all faults, and how their times are written',
      exitCode: EXIT.usage,
    });
  return turnsOf(asked, loadMs);
}

export const plannedFaults = (turns: readonly FaultTurn[]): PlannedFault[] =>
  turns.map(({ text, fromMs, untilMs }) => ({ fault: text, fromMs, untilMs }));

/** Of a dry run. */
export const faultLines = (turns: readonly FaultTurn[]): string[] =>
  turns.map(
    ({ text, fault, fromMs, untilMs }) =>
      `fault         ${text}: from ${fromMs / 1000} s to ${untilMs / 1000} s ${fault.what}`,
  );

/** What the reader of such a run should know. */
export const faultNotes = (turns: readonly FaultTurn[]): string[] =>
  turns.length === 0
    ? []
    : [
        'faults are made on purpose (--fault); the run is judged by its gates as they are, its latencies and errors in them included',
        ...(turns.some(({ fault }) => fault.of === 'way')
          ? ['a proxy stands on the way to the target all the time, so latencies are a little higher than without faults (docs/faults.md)'] // prettier-ignore
          : []),
      ];

/** Proxies on the way to the targets, and what k6 must know of them. */
export type FaultWay = {
  proxies: Proxies;
  /** `HOST:PORT` of a target -> where k6 connects instead (k6's option `hosts`). */
  hosts: Record<string, string>;
};

const PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/** @param seed any integer @returns null: no fault is on the way. @throws UserError */
export async function startWay(
  turns: readonly FaultTurn[],
  urls: readonly string[],
  seed: number,
): Promise<FaultWay | null> {
  if (!turns.some(({ fault }) => fault.of === 'way')) return null;
  const addresses = new Map(
    urls.map((text) => {
      const { protocol, hostname, port } = new URL(text);
      const way = { host: hostname, port: port === '' ? PORTS[protocol] : Number(port) };
      return [`${way.host}:${way.port}`, way] as const;
    }),
  );
  const proxies = await startProxies([...addresses.values()], seed);
  return {
    proxies,
    hosts: Object.fromEntries(
      [...addresses.keys()].map((address, i) => [address, `127.0.0.1:${proxies.ports[i]}`]),
    ),
  };
}

/** The player of a run; each event becomes a mark. */
export function playerOf(call: {
  turns: readonly FaultTurn[];
  place: ConstructorParameters<typeof FaultPlayer>[0]['place'];
  onMark(line: MarkLine): void;
  /** For the screen. */
  onWords(text: string): void;
  onBroken(sentence: string): void;
}): FaultPlayer {
  const begun = new Map<number, number>();
  return new FaultPlayer({
    turns: call.turns,
    place: call.place,
    onBroken: (sentence) => call.onBroken(sentence),
    onEvent(event) {
      if (event.state === 'begun') begun.set(event.turn, event.t);
      call.onWords(wordsOf(event));
      call.onMark(markOf(event, begun.get(event.turn) ?? event.t));
    },
  });
}

const markOf = (
  { t, turn, fault, state, struck, problem }: FaultEvent,
  fromMs: number,
): MarkLine => ({
  id: faultId(turn),
  kind: 'fault',
  label: fault,
  fromMs,
  ...((state === 'ended' || state === 'failed') && { toMs: t }),
  ...(struck !== undefined && { struck }),
  ...(problem !== undefined && { problem }),
});

function wordsOf({ fault, state, problem }: FaultEvent): string {
  if (state === 'begun') return `fault ${fault}: begins`;
  if (state === 'ended') return `fault ${fault}: has ended`;
  return `fault ${fault}: could not be ${state === 'failed' ? 'made' : 'undone'} (${problem ?? ''})`;
}
