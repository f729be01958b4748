/** Loads of several parts: bodies of several sizes, kinds of requests by weight, and the figures that are kept apart for each. */
import { MAX_BODY_BYTES } from '../mina/limits.ts';
import { parseSubmission } from '../mina/submission.ts';
import type { MixPart } from '../producers/corpus-plan.ts';
import { payloadBytes, readPayloads } from '../producers/payloads.ts';
import { type BodySize, LEAST_BODY_BYTES, sizedTemplates } from '../producers/sized-templates.ts';
import { readSources, type SubmissionTemplate } from '../producers/templates.ts';
import type { PartFigures, HostileFigures } from '../results/types.ts';
import { didYouMean } from '../system/suggest.ts';
import { ACCEPTED_ANSWER } from './k6/plan.ts';
import type { GroupTotals } from './k6/samples.ts';
import { type LoadRequest, PART_KINDS, type PartKind, type PartWeight } from './request.ts';

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
export function parseMix(text: string): PartWeight[] | { problems: string[] } {
  const problems: string[] = [];
  const mix = text.split(',').map((part): PartWeight => {
    const [kind, amount, ...more] = part.split('=').map((word) => word.trim());
    const weight = Number(amount);
    if (!(PART_KINDS as readonly string[]).includes(kind))
      problems.push(
        `must mix ${PART_KINDS.join(', ')}, but has "${kind}"${didYouMean(kind, PART_KINDS)}`,
      );
    if (amount === undefined || more.length > 0 || !/^\d+(\.\d+)?$/.test(amount) || weight === 0)
      problems.push(
        `must give each kind a weight above 0, such as load=8, but has "${part.trim()}"`,
      );
    return { kind: kind as PartKind, weight };
  });
  for (const [i, { kind }] of mix.entries())
    if (mix.findIndex((one) => one.kind === kind) < i) problems.push(`has ${kind} twice`);
  if (problems.length === 0 && mix.every(({ kind }) => kind === 'hostile'))
    problems.push('has hostile alone: that is --scenario hostile');
  return problems.length > 0 ? { problems } : mix;
}

type Mix = Pick<LoadRequest, 'mix'>;

/** The kinds that k6 sends. */
const sentByK6 = ({ mix }: Mix): PartWeight[] =>
  (mix ?? []).filter(({ kind }) => kind !== 'hostile');

const weightOf = (parts: readonly PartWeight[]): number =>
  parts.reduce((sum, { weight }) => sum + weight, 0);

export const hasPart = ({ mix }: Mix, kind: PartKind): boolean =>
  (mix ?? []).some((part) => part.kind === kind);

/** Of what k6 sends, 0 to 1. */
export function shareOf(request: Mix, kind: PartKind): number {
  const parts = sentByK6(request);
  return weightOf(parts.filter((part) => part.kind === kind)) / weightOf(parts);
}

/**
 * Hostile requests a second, so that they have their share of all that is sent.
 * @param perSecond submissions of k6; null where only the target limits them: then `otherwise`
 */
export function hostileRateOf(request: Mix, perSecond: number | null, otherwise: number): number {
  const hostile = (request.mix ?? []).find(({ kind }) => kind === 'hostile');
  if (hostile === undefined || perSecond === null || perSecond === 0) return otherwise;
  return (perSecond * hostile.weight) / weightOf(sentByK6(request));
}

/** What k6 can send at most on loopback, in bytes per second: measured with bodies of 4 MB, doubled. */
const UNPACED_BYTES_PER_SECOND = 4e9;

/**
 * Submissions per second that a load without think time prepares for, where its bodies are large; 240,000 signatures for a load
 * that sends 300 submissions would be a long wait for nothing.
 * @param share of the submissions that have these sizes, 0 to 1
 * @param most where bodies are small
 */
export function unpacedRateOf(sizes: readonly BodySize[], share: number, most: number): number {
  const mean = sizes.reduce((sum, { bytes }) => sum + bytes, 0) / sizes.length;
  return share === 0 ? most : Math.min(most, Math.ceil(UNPACED_BYTES_PER_SECOND / (mean * share)));
}

/** A part of the load whose figures are kept apart. */
export type Part = {
  name: string;
  /** Of a kind: its weight in the mix. */
  weight?: number;
  /** Of a size: of each of its bodies. */
  bodyBytes?: number;
  /** The status that is right for it, and whose latency counts. */
  expectedStatus: number;
};

/** Templates with the part that each belongs to (its `group`), and how they are chosen. */
export type PartedTemplates = {
  templates: SubmissionTemplate[];
  mix: MixPart[];
  parts: Part[];
  /** Public keys by which recorded bodies are submitted: a whitelist needs them beside the fleet's. */
  submitters: string[];
};

/** What the templates of parts are made from. */
export type PartSources = {
  /** Folder of recorded requests; null: those that are shipped. */
  payloads: string | null;
  order: 'sequence' | 'random';
  /** The templates of an ordinary load. */
  signed: () => Promise<SubmissionTemplate[]>;
};

const sized = async (
  { sizes, seed }: Pick<LoadRequest, 'sizes' | 'seed'>,
  payloads: string | null,
): Promise<SubmissionTemplate[]> =>
  sizedTemplates(await readSources(payloads ?? undefined), sizes!, seed);

/** A part for each size. @throws UserError if payloads cannot be read */
export async function sizedParts(
  request: Pick<LoadRequest, 'sizes' | 'seed'>,
  { payloads }: PartSources,
): Promise<PartedTemplates> {
  const templates = (await sized(request, payloads)).map((template, group) => ({
    ...template,
    group,
  }));
  return {
    templates,
    mix: [{ weight: 1, templates: templates.map((_, i) => i), order: 'sequence' }],
    parts: request.sizes!.map(({ name, bytes }, i) => ({
      name,
      bodyBytes: bytes,
      expectedStatus: templates[i].expected?.status ?? ACCEPTED_ANSWER.status,
    })),
    submitters: [],
  };
}

/** A part for each kind that k6 sends. @throws UserError if payloads cannot be read */
export async function mixedParts(
  request: Pick<LoadRequest, 'sizes' | 'mix' | 'seed'>,
  { payloads, order, signed }: PartSources,
): Promise<PartedTemplates> {
  const result: PartedTemplates = { templates: [], mix: [], parts: [], submitters: [] };
  for (const [group, { kind, weight }] of sentByK6(request).entries()) {
    const ofKind =
      kind === 'load'
        ? await signed()
        : kind === 'big-blocks'
          ? await sized(request, payloads)
          : await recordedTemplates(payloads!, result.submitters);
    const first = result.templates.length;
    // A chain is for a load on its own: here submissions of other kinds come between.
    for (const template of ofKind) result.templates.push({ ...template, group });
    result.mix.push({
      weight,
      templates: ofKind.map((_, i) => first + i),
      order:
        kind === 'load' || (kind === 'replay' && order === 'random') ? 'by weight' : 'sequence',
    });
    result.parts.push({ name: kind, weight, expectedStatus: ACCEPTED_ANSWER.status });
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

/** The parts' figures for the summary. @param hostile what the sender beside has got, with its weight */
export function partFigures(
  parts: readonly Part[],
  totals: readonly GroupTotals[],
  hostile: { weight: number; figures: HostileFigures } | null = null,
): PartFigures[] {
  const figures = parts.map(({ name, weight, bodyBytes }, i): PartFigures => {
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
