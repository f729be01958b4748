/** All components, in the order in which they may need each other. */
import { backend } from './backend.ts';
import { cassandra } from './cassandra.ts';
import { type ComponentName, COMPONENT_NAMES, type Definition } from './component.ts';
import { coordinator } from './coordinator.ts';
import { leaderboard } from './leaderboard.ts';
import { postgres } from './postgres.ts';
import { s3 } from './s3.ts';
import { verifier } from './verifier.ts';

export const COMPONENTS: Record<ComponentName, Definition> = {
  postgres,
  s3,
  cassandra,
  backend,
  verifier,
  coordinator,
  leaderboard,
};

export const isComponentName = (word: string): word is ComponentName =>
  (COMPONENT_NAMES as readonly string[]).includes(word);
