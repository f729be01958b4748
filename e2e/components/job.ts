/** What a component of a run is started with: a file in its folder, so that it can be started again alone, by name, from another process. */
import type { PostgresConfig } from '../../system/postgres.ts';

export type ComponentJob =
  | { kind: 'postgres'; databaseDir: string; port: number }
  | { kind: 'backend'; env: Record<string, string> }
  | {
      kind: 'coordinator';
      database: Omit<PostgresConfig, 'password'>;
      blocks: string;
      env: Record<string, string>;
      intervalSeconds: number;
      miniBatches: number;
      uptimeDays: number;
      retries: number;
      noChecks: boolean;
      faithful: boolean;
    }
  | {
      kind: 'leaderboard';
      database: Omit<PostgresConfig, 'password'>;
      port: number;
      faithful: boolean;
    };

export const jobFile = (name: string): string => `${name}.job.json`;
/** Written when it serves. */
export const readyFile = (name: string): string => `${name}.ready.json`;

/** `url` null: it listens nowhere. */
export type ComponentReady = { url: string | null };
