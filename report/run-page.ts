/**
 * The report of a run: its verdict first, then gates, errors, what was sent to what, figures, pictures, what was lost, resources and cost, the
 * machine, and how to run it again. What a run does not have has no section. Pure.
 */
import { chartsOf } from '../plots/charts.ts';
import { chartData } from '../plots/data.ts';
import { figuresOf, type RunView, sumsOf } from '../results/sums.ts';
import type { Page } from './page.ts';
import { answersSection, targetsSection } from './sections/answers.ts';
import { controlSection } from './sections/control.ts';
import { costSection } from './sections/cost.ts';
import { endToEndSection } from './sections/end-to-end.ts';
import { faultsSection } from './sections/faults.ts';
import { figuresSection } from './sections/figures.ts';
import { gatesSection } from './sections/gates.ts';
import { kindsSection, sizesSection } from './sections/groups.ts';
import { generatorSection } from './sections/generator.ts';
import { headSection, titleOf } from './sections/head.ts';
import { hostileSection } from './sections/hostile.ts';
import {
  howItRanSection,
  machineSection,
  picturesSection,
  sentSection,
} from './sections/how-it-ran.ts';
import { logSection } from './sections/log.ts';
import { databaseSections, processesSection } from './sections/resources.ts';
import { searchSection } from './sections/search.ts';
import { storedSection } from './sections/stored.ts';

/**
 * @param pictures file names of the pictures beside the page
 * @throws Error if a stored histogram is broken, and the summary is missing or there are pictures
 */
export function pageOfRun(run: RunView, pictures: readonly string[]): Page {
  const { plan, summary, reconcile } = run;
  const figures = figuresOf(run);
  return {
    title: titleOf(run),
    sections: [
      headSection(run, figures),
      ...searchSection(summary?.breakpoint),
      ...gatesSection(summary?.gates),
      ...controlSection(run),
      ...faultsSection(run),
      answersSection(figures),
      ...logSection(summary?.logs),
      ...sentSection(plan),
      ...targetsSection(summary?.targets),
      ...sizesSection(summary?.sizes),
      ...kindsSection(summary?.kinds),
      ...hostileSection(summary?.hostile),
      figuresSection(run, figures),
      ...(pictures.length === 0 ? [] : picturesSection(pictures, chartsOf(chartData(run)))),
      ...storedSection(reconcile),
      ...endToEndSection(summary?.e2e),
      processesSection(figures),
      ...generatorSection(figures.generator),
      ...databaseSections(sumsOf(run).readings.postgresFigures()),
      ...costSection(summary?.cost),
      ...machineSection(plan),
      ...howItRanSection(plan),
    ],
  };
}
