/** The report of a run: its verdict first, then figures, pictures, and how it was made. What a run does not have has no section. Pure. */
import { figuresOfSamples } from '../results/figures.ts';
import type { Run } from '../results/reader.ts';
import type { Page } from './page.ts';
import { answersSection, targetsSection } from './sections/answers.ts';
import { controlSection } from './sections/control.ts';
import { costSection } from './sections/cost.ts';
import { figuresSection } from './sections/figures.ts';
import { gatesSection } from './sections/gates.ts';
import { kindsSection, sizesSection } from './sections/groups.ts';
import { generatorSection } from './sections/generator.ts';
import { headSection, titleOf } from './sections/head.ts';
import { hostileSection } from './sections/hostile.ts';
import { howItRanSection, machineSection, picturesSection } from './sections/how-it-ran.ts';
import { logSection } from './sections/log.ts';
import { databaseSections, processesSection } from './sections/resources.ts';
import { searchSection } from './sections/search.ts';
import { storedSection } from './sections/stored.ts';

/**
 * @param pictures file names of the pictures beside the page
 * @throws Error if a stored histogram is broken and the summary is missing
 */
export function pageOfRun(run: Run, pictures: readonly string[]): Page {
  const { plan, summary, reconcile, resources } = run;
  const figures = summary?.figures ?? figuresOfSamples(run.samples, resources, plan?.load.warmUpMs);
  return {
    title: titleOf(run),
    sections: [
      headSection(run, figures),
      ...searchSection(summary?.breakpoint),
      figuresSection(run, figures),
      ...controlSection(run),
      ...gatesSection(summary?.gates),
      answersSection(figures),
      ...storedSection(reconcile),
      ...targetsSection(summary?.targets),
      ...sizesSection(summary?.sizes),
      ...kindsSection(summary?.kinds),
      ...hostileSection(summary?.hostile),
      processesSection(figures),
      ...generatorSection(figures.generator),
      ...databaseSections(resources),
      ...costSection(summary?.cost),
      ...logSection(summary?.logs),
      ...picturesSection(pictures),
      ...howItRanSection(plan),
      ...machineSection(plan),
    ],
  };
}
