import { CHART_NAMES, isUsualChart } from '../../plots/charts.ts';

/** Pictures that every run has; the others belong to a scenario of their own. */
export const USUAL_CHARTS = CHART_NAMES.filter(
  (name) => isUsualChart(name) && !['breakpoint', 'fleet', 'stage-lags'].includes(name),
);
