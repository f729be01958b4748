/** Files of the harness with one JSON object a line, which are added to over steps and processes, and read again by later ones. */
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { EXIT, UserError } from '../user-error.ts';

/**
 * A file that is not there has no lines. A last line that is no JSON was cut when its writer was killed: it counts as not there.
 * @throws UserError (exit 3) naming file and line of another one that is none: judged without it, the run would be another one
 */
export async function* linesOf<T>(path: string): AsyncGenerator<T> {
  if (!existsSync(path)) return;
  let broken: number | null = null;
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Infinity,
  })) {
    number++;
    if (line.trim() === '') continue;
    if (broken !== null)
      throw new UserError(`${path}, line ${broken}: is no JSON`, {
        hint: 'the file was changed or damaged: restore it, or delete that line (the run is then judged without it)',
        exitCode: EXIT.noData,
      });
    let value: T;
    try {
      value = JSON.parse(line) as T;
    } catch {
      broken = number;
      continue;
    }
    yield value;
  }
}
