/** Whoever sits at the terminal, to be asked. */
import { createInterface } from 'node:readline';
import { EXIT } from '../user-error.ts';

export type Terminal = {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  /** Standard error: what a command prints may go into a file. */
  output: NodeJS.WritableStream & { isTTY?: boolean };
  /** What a Ctrl-C does elsewhere. */
  interrupt: () => void;
};

export const TERMINAL: Terminal = {
  input: process.stdin,
  output: process.stderr,
  // readline takes the key as a character: it is given to whoever listens for the signal.
  interrupt: () => {
    if (!process.emit('SIGINT')) process.exit(EXIT.interrupted);
  },
};

/**
 * Ctrl-D ends a question wherever the cursor stands: readline hears it on an empty line only, and to whoever types unseen nothing would
 * happen.
 * @returns what ends the listening
 */
export function onCtrlD(input: Terminal['input'], ended: () => void): () => void {
  const onKey = (_: unknown, key: { ctrl?: boolean; name?: string } | undefined) => {
    if (key?.ctrl === true && key.name === 'd') ended();
  };
  input.on('keypress', onKey);
  return () => void input.off('keypress', onKey);
}

/**
 * A yes/no question where a person can answer; absent elsewhere. Ctrl-D and the end of the input are a no.
 * What is returned rejects when the user interrupts, and with the reason of `signal`.
 */
export function confirmAt(
  signal: AbortSignal,
  { input, output, interrupt }: Terminal = TERMINAL,
): ((question: string) => Promise<boolean>) | undefined {
  if (input.isTTY !== true || output.isTTY !== true) return undefined;
  return (question) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const lines = createInterface({ input, output, terminal: true, historySize: 0 });
      const end = (settle: () => void) => {
        signal.removeEventListener('abort', onAbort);
        stopListening();
        lines.removeAllListeners();
        lines.close();
        settle();
      };
      const onAbort = () => end(() => reject(signal.reason as Error));
      signal.addEventListener('abort', onAbort, { once: true });
      lines.once('SIGINT', () =>
        end(() => {
          output.write('\n');
          interrupt();
          reject(new DOMException('interrupted', 'AbortError'));
        }),
      );
      const no = () =>
        end(() => {
          output.write('\n');
          resolve(false);
        });
      const stopListening = onCtrlD(input, no);
      lines.once('close', no);
      lines.question(`${question} [y/N] `, (answer) =>
        end(() => resolve(/^y(es)?$/i.test(answer.trim()))),
      );
    });
}
