/**
 * What Node knows of a scenario: one object of this type, in a file of the scenario's name beside this one. Parser, help, docs, dry
 * run, preparation, run and gates walk the list of them (index.ts); nothing else asks for a scenario's name.
 *
 * A new scenario is its definition, its thin script in scenarios/, and one line in the list. Definitions are put together from
 * shared pieces: load/shape.ts (paces), load/timed-starts.ts (times of their own), load/parts.ts (mixes), pieces.ts (options).
 * Types alone.
 */
import type { EraName } from '../../mina/eras.ts';
import type { Payload } from '../../producers/payloads.ts';
import type { LoadShape } from '../../results/types.ts';
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import type { SearchPlan } from '../breakpoint/search.ts';
import type { PartedTemplates, PartSources } from '../parts.ts';
import type { LoadRequest } from '../request.ts';
import type { TimedLoad } from '../timed-starts.ts';

/** Whether somebody gave the option: by flag, environment or file. */
export type IsChosen = (option: string) => boolean;

export type Definition = {
  /** Of its script, scenarios/NAME.ts. */
  name: string;
  /** One line for help, docs and console, to stand after the name. */
  summary: string;
  /** Options that only it has; a scenario with the same ones lists the same objects. */
  options: readonly OptionSpec[];
  /** Its own defaults of options, as a user would write them; they come before those of the table. */
  defaults: Readonly<Record<string, string>>;
  /** Which of its own and of the shared options (options.ts `SHARED_NAMES`) it makes something of, with these values. */
  uses(values: OptionValues): readonly string[];
  /** Why it makes nothing of an option, to stand after "has no effect"; absent or null: never in this scenario. */
  whyUnused?(option: string, values: OptionValues): string | null;
  /** Values that follow from which ones were chosen. */
  adjusted?(values: OptionValues, isChosen: IsChosen): OptionValues;
  /** Problems of its values together, each a sentence. @param values without those it makes nothing of */
  problems?(values: OptionValues, request: LoadRequest, isChosen: IsChosen): string[];
  /** What its own options say. @param values without those it makes nothing of */
  request?(values: OptionValues): Partial<LoadRequest>;

  /** How it runs over time, where the starts have no times of their own. */
  shape(request: LoadRequest): LoadShape;
  /** Of a scenario whose starts have a time each. */
  timed?: {
    isTimed(request: LoadRequest): boolean;
    /** @throws UserError for times that cannot be played */
    starts(request: LoadRequest, known: Known): TimedLoad;
  };
  /** Submissions per second to prepare for where only the target limits them; absent: `most`. */
  unpacedRate?: (request: LoadRequest, most: number) => number;
  /** Its one search over many loads, instead of one load; null or absent: there is none. */
  search?: (values: OptionValues) => SearchPlan;

  source(request: LoadRequest): Source;
  /** Parts of the load whose figures are kept apart. */
  parts?: Parts;
  /** How many producers a fleet from the seed has; absent: as many as the limits of a backend ask for. */
  producers?(request: LoadRequest): number;
  /** Hostile requests beside the load; absent or null: none. */
  hostile?(request: LoadRequest): HostileBeside | null;
  /** What the embedded backend lets through in an hour; absent: as the original, or all of a recording. */
  hourlyLimit?(request: LoadRequest, usual: number): { limit: number; note: string | null };

  /** Default gates that only it has, beside those that follow from what a load is (judge/gates.ts). */
  gates?: readonly string[];
  /** It runs long at one load to show whether anything grows: memory that grows fails it. */
  isSoak?: true;
  /** Charts beside those of every load, by their names (plots/charts.ts). */
  pictures: readonly string[];
  /** Lines of a dry run, `name          text`. */
  describe?(request: LoadRequest, decided: DecidedPace): string[];
};

/** What has been read when times are planned. */
export type Known = {
  /** Keys in a list of producers; null: there is no list. */
  producers: number | null;
  /** null: none were asked for. */
  payloads: readonly Payload[] | null;
  /** Of new blocks; null: there are none. */
  era: EraName | null;
};

/** Where the submissions come from. */
export type Source = {
  /**
   * `signed`: blocks by the seed; `network`: as a simulated network makes them; `recorded`: request bodies as they are; `by others`:
   * recorded ones by other submitters; `parts`: several of these.
   */
  kind: 'signed' | 'network' | 'recorded' | 'by others' | 'parts';
  /** Whether submissions are signed while they are sent: where a corpus would be too large, always, or never. */
  fed: 'if large' | 'always' | 'never';
  /** Bodies of submitters that nobody chose are among them, far more from each than an hour allows. */
  asRecorded: boolean;
  /** The signatures fit no submitter. */
  broken?: true;
};

export type Parts = {
  /** The field of summary.json that holds the parts' figures. */
  figures: 'sizes' | 'kinds';
  /** @throws UserError if payloads cannot be read */
  templates(request: LoadRequest, sources: PartSources): Promise<PartedTemplates>;
};

export type HostileBeside = {
  /** The option that asks for it, with its value: `--mix with hostile`. */
  askedBy: string;
  /** @param perSecond submissions of k6; null: only the target limits them @param otherwise --hostile-rate */
  ratePerSecond(perSecond: number | null, otherwise: number): number;
};

export type DecidedPace = { ratePerSecond: number | null; hostilePerSecond: number | null };
