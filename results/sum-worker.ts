/** A thread that sums a part of samples.ndjson (sum-reader.ts). */
import { parentPort, workerData } from 'node:worker_threads';
import { type SumAnswer, type SumJob, sumSamples } from './sum-reader.ts';

const notes: string[] = [];
let answer: SumAnswer;
try {
  answer = { sums: (await sumSamples(workerData as SumJob, notes)).toMessage(), notes };
} catch (error) {
  answer = { failure: (error as Error).message };
}
parentPort!.postMessage(answer);
