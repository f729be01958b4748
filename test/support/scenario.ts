/** What tests ask of the scenarios' definitions. */
import type { LoadRequest } from '../../load/request.ts';
import { definitionOf } from '../../load/scenarios/index.ts';
import type { LoadShape } from '../../results/types.ts';

/** How k6 runs a load whose starts have no times of their own. */
export const loadShape = (request: LoadRequest): LoadShape =>
  definitionOf(request.scenario).shape(request);
