/** The request bodies that the live network sent and the product ships; their origin: producers/data/README.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';

export const RECORDED_FOLDER = join(projectRoot, 'producers', 'data');

export const RECORDED_NAMES = [
  'submission-with-snark-work.json',
  'submission-without-snark-work.json',
] as const;

export const recordedFile = (name: string): string => join(RECORDED_FOLDER, name);

export const readRecorded = (name: string): string => readFileSync(recordedFile(name), 'utf8');
