/** What one load is asked to do, checked, and what it is done with. Types alone. */
import type { AskedFault } from '../faults/schedule.ts';
import type { MonitorSource } from '../monitor/source.ts';
import type { KeyAccess } from '../producers/key-source.ts';
import type { Plan } from '../results/types.ts';
import type { SentLoad } from '../reconcile/sent-load.ts';
import type { Interrupts } from '../system/interrupts.ts';
import type { Screen } from '../system/screen.ts';
import type { AbPlan } from './ab/plan.ts';
import type { SearchPlan } from './breakpoint/search.ts';
import type { LoadRequest } from './request.ts';
import type { TargetLogs } from './target/log.ts';
import type { WeightedTarget } from './target/targets.ts';
import type { Transport } from './target/transport.ts';

/** What the command line asks for, checked. */
export type LoadJob = {
  request: LoadRequest;
  /** Many loads that search for a rate, each of them as `request` says but for rate and time; null: one load. */
  search: SearchPlan | null;
  /** Rounds of the same load on two targets, in turn; null: one load. */
  ab: AbPlan | null;
  options: Plan['options'];
  /** None: start the embedded backend. */
  targets: WeightedTarget[];
  transport: Transport;
  /** Where the embedded backend listens if it can; 0: any free port. */
  port: number;
  allowRemote: boolean;
  targetPid: number | null;
  /** Name or id of the container that is the target; its readings stand under `backend`. */
  targetContainer: string | null;
  /** Logs of the target that are not in this run's folder, and which errors are expected. */
  logs?: TargetLogs;
  /** What else is watched: containers, agents, Prometheus, PostgreSQL; new ones for each run. */
  monitorSources: () => MonitorSource[];
  producersFile: string | null;
  payloads: string | null;
  /** Blocks of a new chain; 0: the recorded ones as they are. */
  chain: number;
  order: 'sequence' | 'random';
  resultsFolder: string;
  k6Flag: string | null;
  monitorIntervalMs: number;
  /** The user's gates (judge/gates.ts), checked. */
  gates: string[];
  /** URL of the storage that the target writes (stack/storage/storage-url.ts), checked; null: the embedded backend's, or none. */
  storage: string | null;
  /** How long late writers are waited for; null: the default. */
  storageWaitMs: number | null;
  /** Time between two looks into the storage while the load runs; null: none. */
  reconcileEveryMs: number | null;
  /** Hostile requests per second, where no share of the load says how many. */
  hostileRate: number;
  /** Submissions of a producer in an hour, of the target or for the embedded backend; null: the program's own. */
  hourlyLimit: number | null;
  /** The embedded backend answers 200 whatever its storage does, as the original. */
  faithful: boolean;
  keep: boolean;
  /** The pictures of the results are made at the end. */
  pictures: boolean;
  /** What is made to go wrong on purpose, each checked by itself. */
  faults: readonly AskedFault[];
  /** What the user should know of the options, one sentence each. */
  notes: readonly string[];
};

export type Surroundings = {
  screen: Screen;
  env: NodeJS.ProcessEnv;
  /** Where the user stands. */
  cwd: string;
  confirm: ((question: string) => Promise<boolean>) | undefined;
  /** How key files are opened. */
  keys: KeyAccess;
  interrupts: Interrupts;
  /** Called with the folder of each run as soon as it is made. */
  onFolder?: (folder: string) => void;
  /** Called when all was sent, while it can still be read. */
  onSent?: (load: SentLoad) => Promise<void>;
};

export const isEmbedded = ({ targets }: Pick<LoadJob, 'targets'>): boolean => targets.length === 0;
