/** Nights for other programs that watch series. */
import { join } from 'node:path';
import { UserError } from '../../user-error.ts';
import { bencher, benchmarkAction, type Measured, otava } from '../exports.ts';
import { FORM_FILES } from '../describe.ts';
import { writeWhole } from '../../whole-file.ts';
import type { NightReport, NightSeries } from './night.ts';

export type NightExport = 'benchmark-action' | 'bencher' | 'otava';

/** Each night of a scenario with the figures that it has. */
function measuredNights(series: readonly NightSeries[], scenario: string): Measured[] {
  const byNight = new Map<string, Measured & { values: Record<string, number> }>();
  for (const { figure, nights } of series.filter((one) => one.scenario === scenario))
    for (const { night, t, value, commit } of nights) {
      const known = byNight.get(night);
      if (known) known.values[figure.name] = value;
      else byNight.set(night, { name: scenario, id: night, t, commit, values: { [figure.name]: value } }); // prettier-ignore
    }
  return [...byNight.values()].sort((a, b) => (a.t < b.t ? -1 : 1));
}

/** @returns the paths written. @throws UserError if one cannot be written */
export async function writeExports(
  folder: string,
  { id, series }: NightReport,
  formats: readonly NightExport[],
): Promise<string[]> {
  const scenarios = [...new Set(series.map(({ scenario }) => scenario))];
  const all = scenarios.map((scenario) => measuredNights(series, scenario));
  const last = all.flatMap((nights) => nights.filter((night) => night.id === id));
  const figuresOf = (scenario: string): string[] =>
    series.filter((one) => one.scenario === scenario).map(({ figure }) => figure.name);
  const files: Record<NightExport, () => [name: string, text: string][]> = {
    'benchmark-action': () =>
      (['smaller', 'bigger'] as const).map((better) => [
        FORM_FILES[`benchmark-${better}`],
        benchmarkAction(last, better),
      ]),
    bencher: () => [[FORM_FILES.bencher, bencher(last)]],
    otava: () =>
      scenarios.map((scenario, i) => [
        `otava-${scenario.replaceAll(/[^\w.-]+/g, '-')}.csv`,
        otava(all[i], figuresOf(scenario)),
      ]),
  };
  const paths: string[] = [];
  for (const format of new Set(formats))
    for (const [name, text] of files[format]()) {
      const path = join(folder, name);
      try {
        await writeWhole(path, text);
      } catch (cause) {
        throw new UserError(`${path} cannot be written: ${(cause as Error).message}`, {
          hint: 'check the folder and its rights',
          cause,
        });
      }
      paths.push(path);
    }
  return paths;
}
