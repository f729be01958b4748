/** What the scenarios `big-blocks` and `mixed` send: sizes of bodies, kinds of submissions by weight, and what is kept apart for them. */
import { closest } from 'fastest-levenshtein';
import { parseSubmission } from '../mina/submission.ts';
import type { MixPart } from '../producers/corpus-plan.ts';
import { MAX_BODY_BYTES, payloadBytes, readPayloads } from '../producers/payloads.ts';
import { type BodySize, LEAST_BODY_BYTES, sizedTemplates } from '../producers/sized-templates.ts';
import { readSources, type SubmissionTemplate } from '../producers/templates.ts';
import type { GroupFigures, HostileFigures } from '../results/types.ts';
import { ACCEPTED } from './k6/plan.ts';
import type { LoadRequest } from './plan.ts';
import type { GroupTotals } from './k6/samples.ts';

/** `hostile` is not sent by k6: load/hostile does it beside. */
const KINDS = ['load', 'big-blocks', 'replay', 'hostile'] as const;
export type Kind = (typeof KINDS)[number];
export type KindWeight = { kind: Kind; weight: number };

const UNIT_BYTES: Record<string, number> = { '': 1, B: 1, KB: 1000, MB: 1_000_000 };
/** One byte more than a backend takes. */
const OVER: BodySize = { name: 'over', bytes: MAX_BODY_BYTES + 1 };

/**
 * `17KB,1.5MB,50000000,over` -> sizes in their order; 1 KB is 1,000 bytes, as in the limit of 50 MB.
 * @returns the sizes, or everything that is wrong, each to stand after the name
 */
export function parseSizes(text: string): BodySize[] | { problems: string[] } {
  const problems: string[] = [];
  const sizes = text.split(',').map((part): BodySize => {
    const word = part.trim();
    if (word.toLowerCase() === OVER.name) return OVER;
    const match = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|)$/i.exec(word);
    const bytes = match === null ? NaN : Number(match[1]) * UNIT_BYTES[match[2].toUpperCase()];
    if (match === null || !Number.isInteger(bytes))
      problems.push(
        `must have whole sizes such as 17KB, 1.5MB or 50000000, or the word over, but has "${word}"`,
      );
    else if (bytes < LEAST_BODY_BYTES || bytes > MAX_BODY_BYTES)
      problems.push(
        `must have sizes from ${LEAST_BODY_BYTES} bytes to 50MB (over is one byte more), but has "${word}"`,
      );
    return { name: word, bytes };
  });
  for (const [i, { name, bytes }] of sizes.entries())
    if (sizes.slice(0, i).some((one) => one.bytes === bytes)) problems.push(`has ${name} twice`);
  return problems.length > 0 ? { problems } : sizes;
}

/**
 * `load=8,big-blocks=1` -> kinds and weights, in their order.
 * @returns the weights, or everything that is wrong, each to stand after the name
 */
export function parseMix(text: string): KindWeight[] | { problems: string[] } {
  const problems: string[] = [];
  const mix = text.split(',').map((part): KindWeight => {
    const [kind, amount, ...more] = part.split('=').map((word) => word.trim());
    const weight = Number(amount);
    if (!(KINDS as readonly string[]).includes(kind))
      problems.push(
        `must mix ${KINDS.join(', ')}, but has "${kind}" (did you mean ${closest(kind, KINDS)}?)`,
      );
    if (amount === undefined || more.length > 0 || !/^\d+(\.\d+)?$/.test(amount) || weight === 0)
      problems.push(
        `must give each kind a weight above 0, such as load=8, but has "${part.trim()}"`,
      );
    return { kind: kind as Kind, weight };
  });
  for (const [i, { kind }] of mix.entries())
    if (mix.findIndex((one) => one.kind === kind) < i) problems.push(`has ${kind} twice`);
  if (problems.length === 0 && mix.every(({ kind }) => kind === 'hostile'))
    problems.push('has hostile alone: that is --scenario hostile');
  return problems.length > 0 ? { problems } : mix;
}

type Mixed = Pick<LoadRequest, 'scenario' | 'sizes' | 'mix'>;

/** The kinds that k6 sends. */
const sentByK6 = ({ mix }: Mixed): KindWeight[] =>
  (mix ?? []).filter(({ kind }) => kind !== 'hostile');

export const hasHostile = ({ scenario, mix }: Mixed): boolean =>
  scenario === 'hostile' || (mix ?? []).some(({ kind }) => kind === 'hostile');

/** Whether recorded bodies are sent as they are: by submitters that nobody chose, far more than an hour allows each. */
export const hasReplay = ({ scenario, mix }: Mixed): boolean =>
  scenario === 'replay' || (mix ?? []).some(({ kind }) => kind === 'replay');

/**
 * Hostile requests a second, so that they have their share of all that is sent.
 * @param perSecond submissions of k6; null where only the target limits them: then `otherwise`
 */
export function hostileRateOf(request: Mixed, perSecond: number | null, otherwise: number): number {
  const hostile = (request.mix ?? []).find(({ kind }) => kind === 'hostile');
  if (hostile === undefined || perSecond === null || perSecond === 0) return otherwise;
  const others = sentByK6(request).reduce((sum, { weight }) => sum + weight, 0);
  return (perSecond * hostile.weight) / others;
}

/** What k6 can send at most on loopback, in bytes per second: measured with bodies of 4 MB, doubled. */
const UNPACED_BYTES_PER_SECOND = 4e9;

/**
 * Submissions per second that a load without think time prepares for, where its bodies are large; 240,000 signatures for a load
 * that sends 300 submissions would be a long wait for nothing.
 */
export function unpacedRate(request: Mixed, most: number): number {
  const { sizes } = request;
  if (sizes === undefined) return most;
  const mean = sizes.reduce((sum, { bytes }) => sum + bytes, 0) / sizes.length;
  const kinds = sentByK6(request);
  const all = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const big = kinds.find(({ kind }) => kind === 'big-blocks')?.weight ?? 0;
  const share = request.scenario === 'big-blocks' ? 1 : big / all;
  return share === 0 ? most : Math.min(most, Math.ceil(UNPACED_BYTES_PER_SECOND / (mean * share)));
}

/** A part of the load whose figures are kept apart. */
export type Group = {
  name: string;
  /** Of a kind: its weight in the mix. */
  weight?: number;
  /** Of a size: of each of its bodies. */
  bodyBytes?: number;
  /** The status that is right for it, and whose latency counts. */
  expectedStatus: number;
};

/** Templates with their groups, and how they are chosen. */
export type MixedTemplates = {
  templates: SubmissionTemplate[];
  mix: MixPart[];
  groups: Group[];
  /** Public keys by which recorded bodies are submitted: a whitelist needs them beside the fleet's. */
  submitters: string[];
};

/**
 * The templates of `big-blocks` (a group for each size) or `mixed` (a group for each kind that k6 sends).
 * @param signed the templates of an ordinary load
 * @throws UserError if payloads cannot be read
 */
export async function mixedTemplates(
  request: Mixed & Pick<LoadRequest, 'seed'>,
  { payloads, order }: { payloads: string | null; order: 'sequence' | 'random' },
  signed: () => Promise<SubmissionTemplate[]>,
): Promise<MixedTemplates> {
  const sized = async (): Promise<SubmissionTemplate[]> =>
    sizedTemplates(await readSources(payloads ?? undefined), request.sizes!, request.seed);
  if (request.scenario === 'big-blocks') {
    const templates = (await sized()).map((template, group) => ({ ...template, group }));
    return {
      templates,
      mix: [{ weight: 1, templates: templates.map((_, i) => i), order: 'sequence' }],
      groups: request.sizes!.map(({ name, bytes }, i) => ({
        name,
        bodyBytes: bytes,
        expectedStatus: templates[i].expected?.status ?? ACCEPTED.status,
      })),
      submitters: [],
    };
  }
  const result: MixedTemplates = { templates: [], mix: [], groups: [], submitters: [] };
  for (const [group, { kind, weight }] of sentByK6(request).entries()) {
    const ofKind =
      kind === 'load'
        ? await signed()
        : kind === 'big-blocks'
          ? await sized()
          : await recordedTemplates(payloads!, result.submitters);
    const first = result.templates.length;
    // A chain is for a load on its own: here submissions of other kinds come between.
    result.templates.push(...ofKind.map((template) => ({ ...template, group })));
    result.mix.push({
      weight,
      templates: ofKind.map((_, i) => first + i),
      order:
        kind === 'load' || (kind === 'replay' && order === 'random') ? 'by weight' : 'sequence',
    });
    result.groups.push({ name: kind, weight, expectedStatus: ACCEPTED.status });
  }
  return result;
}

/** Recorded bodies, sent byte for byte. @param submitters gets those of all of them */
async function recordedTemplates(
  folder: string,
  submitters: string[],
): Promise<SubmissionTemplate[]> {
  const payloads = await readPayloads(folder);
  for (const payload of payloads)
    submitters.push(parseSubmission(await payloadBytes(payload)).submitter);
  return payloads.map((payload) => ({
    name: payload.name,
    weight: 1,
    hasSnarkWork: payload.snarkWork !== undefined,
    bodyBytes: payload.sizeBytes,
    recorded: () => payloadBytes(payload),
    load: () => Promise.reject(new Error(`${payload.name} is sent as it is`)),
  }));
}

/** The groups' figures for the summary. @param hostile what the sender beside has got, with its weight */
export function groupFigures(
  groups: readonly Group[],
  totals: readonly GroupTotals[],
  hostile: { weight: number; figures: HostileFigures } | null = null,
): GroupFigures[] {
  const figures = groups.map(({ name, weight, bodyBytes }, i): GroupFigures => {
    const { latency, ...counts } = totals[i];
    const times = latency.figures();
    const meanBytes = counts.sent === 0 ? 0 : counts.bytesSent / counts.sent;
    return {
      name,
      ...(bodyBytes !== undefined && { bodyBytes }),
      ...(weight !== undefined && { weight }),
      ...counts,
      latency: times && {
        count: times.count,
        meanMs: times.meanMs,
        p50Ms: times.p50Ms,
        p95Ms: times.p95Ms,
        maxMs: times.maxMs,
      },
      bytesPerSecond:
        times === null || times.meanMs === 0 || meanBytes === 0
          ? null
          : (meanBytes * 1000) / times.meanMs,
    };
  });
  if (hostile !== null)
    figures.push({
      name: 'hostile',
      weight: hostile.weight,
      sent: hostile.figures.requests,
      accepted: hostile.figures.answers['200'] ?? 0,
      expected: null,
      answers: hostile.figures.answers,
      bytesSent: 0,
      latency: null,
      bytesPerSecond: null,
    });
  return figures;
}

/** @returns what is to be said where k6 may not find the memory that it needs; null: nothing */
export function memoryNote(k6Bytes: number, totalBytes: number): string | null {
  if (k6Bytes < totalBytes) return null;
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  return `k6 may use ${mb(k6Bytes)} MB, but this machine has ${mb(totalBytes)} MB of memory: lower --vus, or leave out the largest of --sizes`;
}
