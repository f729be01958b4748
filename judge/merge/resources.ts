/** Readings of several monitors as one. Pure. */
import type { Run } from '../../results/reader.ts';
import type { ProcessFigures, ResourceLine } from '../../results/types.ts';
import { isSameMachine } from './parts.ts';

/** Of each generator its own processes, of what several watched the readings of the first. */
export function mergeResources(runs: readonly Run[], notes: string[]): ResourceLine[] {
  /** `name pid machine` of what was watched -> number of the generator that did so first. */
  const owners = new Map<string, number>();
  const machineOf = (number: number) =>
    runs.findIndex(({ plan }) => isSameMachine(plan!, runs[number].plan!));
  const merged: ResourceLine[] = [];
  let otherHosts = false;
  runs.forEach(({ resources }, number) => {
    for (const line of resources) {
      if (line.kind === 'host') {
        // Such a line has no name: of several machines only the first can be told.
        if (number === 0) merged.push(line);
        else if (machineOf(number) !== 0) otherHosts = true;
        continue;
      }
      if (line.kind === 'note') {
        merged.push({ ...line, name: `g${number + 1}:${line.name}` });
        continue;
      }
      if (line.name === 'k6' || line.name === 'toolkit') {
        merged.push({ ...line, name: `g${number + 1}:${line.name}` });
        continue;
      }
      const pid = line.kind === 'process' ? line.rootPid : undefined;
      const what = `${line.name} ${pid ?? ''} ${pid === undefined ? '' : machineOf(number)}`;
      const owner = owners.get(what) ?? number;
      owners.set(what, owner);
      if (owner !== number) continue;
      // Two targets of one name, on machines or with ids of their own, are two.
      const isOther = [...owners].some(
        ([other, by]) => by < number && other.startsWith(`${line.name} `),
      );
      merged.push(isOther ? { ...line, name: `g${number + 1}:${line.name}` } : line);
    }
  });
  if (otherHosts)
    notes.push('the machines differ: the figures of whole machines are those of generator 1');
  return merged.sort((a, b) => a.t - b.t);
}

/** How the memory of each grew stands in the summaries: it is taken over the load of its own generator. */
export function withGrowth(
  processes: Record<string, ProcessFigures>,
  runs: readonly Run[],
): Record<string, ProcessFigures> {
  for (const [name, figures] of Object.entries(processes)) {
    const [, number, own] = /^g(\d+):(.*)$/s.exec(name) ?? [];
    const of = own === undefined ? runs : [runs[Number(number) - 1]];
    const rssGrowth = of
      .map((run) => run?.summary?.figures.processes[own ?? name]?.rssGrowth)
      .find((growth) => growth !== undefined);
    if (rssGrowth !== undefined) figures.rssGrowth = rssGrowth;
  }
  return processes;
}
