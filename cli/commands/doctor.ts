/** Placeholder, so that the build passes while this command is being written. */
import type { Command } from '../command.ts';

export const doctor: Command = {
  name: 'doctor',
  summary: 'not written yet',
  options: [],
  run: () => Promise.reject(new Error('not written yet')),
};
