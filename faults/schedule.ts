/**
 * The words of `--fault`, and when each fault is on. Pure.
 *
 *     NAME[=VALUE][@AT[+FOR][*TIMES/EVERY]]
 *     latency=200ms@20s+10s      from second 20 on, for 10 s
 *     reset=5%@10s+5s*3/20s      three times, every 20 s: at 10, 30 and 50 s
 *     latency=50ms               from the beginning to the end
 */
import { durationText, parseDuration } from '../system/duration.ts';
import { didYouMean } from '../system/suggest.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './index.ts';

/** A fault as it was asked for. */
export type AskedFault = {
  /** As it was written. */
  text: string;
  fault: Fault;
  value: string | null;
  /** From the load's beginning. */
  atMs: number;
  /** null: to the load's end. */
  forMs: number | null;
  times: number;
  /** From one beginning to the next; null: it comes once. */
  everyMs: number | null;
};

/** One time that a fault is on. */
export type FaultTurn = { text: string; fault: Fault; value: string | null; fromMs: number; untilMs: number }; // prettier-ignore

/** Turns of all faults together: each is a line of the report and two marks. */
export const MOST_TURNS = 200;
/** Shorter ones come and go between two seconds of the samples. */
const SHORTEST_MS = 100;

const WORDS = /^(?<name>[^=@]*)(?:=(?<value>[^@]*))?(?:@(?<at>[^+*@]*)(?:\+(?<length>[^*@]*))?(?:\*(?<times>[^/@]*)\/(?<every>[^@]*))?)?$/; // prettier-ignore

const GRAMMAR = 'NAME[=VALUE][@AT[+FOR][*TIMES/EVERY]], such as latency=200ms@20s+10s';

/** @returns the fault, or all that is wrong with the words, each to stand after the option's name */
export function parseFault(
  text: string,
  faults: readonly Fault[] = FAULTS,
): AskedFault | { problems: string[] } {
  const groups = WORDS.exec(text.trim())?.groups;
  if (groups === undefined) return { problems: [`must be ${GRAMMAR}, but is "${text}"`] };
  const { name, value, at, length, times, every } = groups as Record<string, string | undefined>;
  const problems: string[] = [];
  const names = faults.map((one) => one.name);
  const fault = faults.find((one) => one.name === name);
  if (fault === undefined)
    problems.push(`must begin with one of ${names.join(', ')}, but is "${text}"${didYouMean(name ?? '', names)}`); // prettier-ignore
  const time = (words: string | undefined, what: string, least: number): number | null => {
    if (words === undefined) return null;
    const ms = parseDuration(words);
    if (ms !== null && ms >= least) return ms;
    problems.push(
      `${name} must have ${what}${least > 0 ? ` of at least ${durationText(least)}` : ''}, such as 10s, but has "${words}"`,
    );
    return null;
  };
  const atMs = time(at, 'a beginning after @', 0) ?? 0;
  const forMs = time(length, 'a length after +', SHORTEST_MS);
  const everyMs = time(every, 'a distance after /', SHORTEST_MS);
  const count = times === undefined ? 1 : Number(times);
  if (times !== undefined && (!/^\d+$/.test(times) || count < 2 || count > MOST_TURNS))
    problems.push(`${name} must come 2 to ${MOST_TURNS} times, such as *3/20s, but has "*${times}"`); // prettier-ignore
  if (every !== undefined && length === undefined)
    problems.push(`${name} comes several times, so it must say for how long: @${at}+10s*${times}/${every}`); // prettier-ignore
  if (forMs !== null && everyMs !== null && everyMs <= forMs)
    problems.push(`${name} must end before it comes again, but lasts ${length} and comes every ${every}`); // prettier-ignore
  if (fault !== undefined) problems.push(...valueProblems(fault, value ?? null));
  if (fault === undefined || problems.length > 0) return { problems };
  return { text: text.trim(), fault, value: value ?? null, atMs, forMs, times: count, everyMs };
}

function valueProblems(fault: Fault, value: string | null): string[] {
  const { name, value: wants } = fault;
  if (wants === undefined)
    return value === null ? [] : [`${name} has no value, but is given "${value}"`];
  if (value === null && wants.isOptional !== true)
    return [`${name} must have a value, such as ${name}=${wants.example}`];
  const read = fault.of === 'way' ? fault.read(value) : null;
  return read !== null && 'problem' in read ? [`${name} ${read.problem}`] : [];
}

/** All turns in the order of their beginning; those of one beginning as they were asked for. */
export const turnsOf = (asked: readonly AskedFault[], loadMs: number): FaultTurn[] =>
  asked
    .flatMap(({ text, fault, value, atMs, forMs, times, everyMs }) =>
      Array.from({ length: times }, (_, i): FaultTurn => {
        const fromMs = atMs + i * (everyMs ?? 0);
        return { text, fault, value, fromMs, untilMs: forMs === null ? loadMs : fromMs + forMs };
      }),
    )
    .sort((a, b) => a.fromMs - b.fromMs);

const second = (ms: number): string => `${ms / 1000} s`;

/** Faults that do not go together, or lie outside the load. @returns every problem, a sentence each */
export function scheduleProblems(asked: readonly AskedFault[], loadMs: number): string[] {
  const turns = turnsOf(asked, loadMs);
  if (turns.length > MOST_TURNS)
    return [`--fault asks for ${turns.length} turns in all, and ${MOST_TURNS} are the most`];
  const problems = asked.flatMap(({ text, atMs, forMs, times, everyMs }) => {
    const lastMs = atMs + (times - 1) * (everyMs ?? 0);
    if (lastMs >= loadMs)
      return [`--fault ${text} begins at ${second(lastMs)}, and the load lasts ${second(loadMs)}`];
    return forMs !== null && lastMs + forMs > loadMs
      ? [`--fault ${text} would end at ${second(lastMs + forMs)}, and the load lasts ${second(loadMs)}: leave out its length to keep it to the end`] // prettier-ignore
      : [];
  });
  return [...problems, ...overlaps(turns)];
}

/** Two of one kind, or two on one component, would undo each other. */
function overlaps(turns: readonly FaultTurn[]): string[] {
  const placeOf = ({ fault }: FaultTurn): string =>
    fault.of === 'way' ? fault.name : fault.component;
  const last = new Map<string, FaultTurn>();
  const problems = new Set<string>();
  for (const turn of turns) {
    const before = last.get(placeOf(turn));
    if (before !== undefined && before.untilMs > turn.fromMs)
      problems.add(
        before.text === turn.text
          ? `--fault ${turn.text} is given twice`
          : `--fault ${turn.text} begins at ${second(turn.fromMs)}, while ${before.text} is on until ${second(before.untilMs)}: they would undo each other`,
      );
    if (before === undefined || turn.untilMs >= before.untilMs) last.set(placeOf(turn), turn);
  }
  return [...problems];
}

/** What a run has that faults need. */
export type Surrounded = {
  /** The backend is one that this toolkit started for the run. */
  isEmbedded: boolean;
  /** URLs of the targets; empty: the embedded backend. */
  targets: readonly string[];
  /** An HTTP proxy stands on the way. */
  hasProxy: boolean;
  platform: NodeJS.Platform;
};

const isIpv6 = (url: string): boolean => new URL(url).hostname.startsWith('[');

/** What the run has not, so that a fault cannot be made. @returns every problem, a sentence each */
export function needProblems(asked: readonly AskedFault[], run: Surrounded): string[] {
  const problems = asked.flatMap(({ text, fault, value }): string[] => {
    if (fault.of === 'component') {
      const impossible = fault.isImpossible?.(run.platform) ?? null;
      if (impossible !== null) return [`--fault ${text}: ${impossible}`];
      return run.isEmbedded
        ? []
        : [`--fault ${text} needs the embedded backend, which this toolkit starts and may end; the --target is somebody else's`]; // prettier-ignore
    }
    const https = run.targets.find((url) => url.startsWith('https:'));
    const toxic = fault.read(value);
    const picks = fault.readsRequests === true || ('share' in toxic && toxic.share < 1);
    if (https !== undefined && picks)
      return [`--fault ${text} looks at single requests, and those for ${https} are encrypted: latency, bandwidth, stall, refuse and reset (of all) are possible there`]; // prettier-ignore
    return [];
  });
  const way = asked.find(({ fault }) => fault.of === 'way');
  if (way === undefined) return problems;
  if (run.hasProxy)
    problems.push(`--fault ${way.text} stands on the way to the target, and --proxy leads another way`); // prettier-ignore
  // k6 takes no such name among its hosts (grafana/k6, lib/types/hosts.go).
  const literal = run.targets.find(isIpv6);
  if (literal !== undefined)
    problems.push(`--fault ${way.text} cannot stand before an IPv6 address, and the target is ${literal}: write a name`); // prettier-ignore
  return problems;
}
