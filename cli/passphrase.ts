/** Passphrases of key files: from the environment, else from whoever sits at the terminal. Never from argv. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Screen } from '../system/screen.ts';
import { type KeyAccess, PASSPHRASE_ENV } from '../producers/key-source.ts';
import { EXIT, UserError } from '../user-error.ts';
import type { CommandCall } from './command.ts';
import { onCtrlD, type Terminal, TERMINAL } from './terminal.ts';

/**
 * Asks without an echo.
 * @throws UserError (exit 2) when the input ends; the reason of `signal`, with the terminal as it was before
 */
export function askHidden(
  question: string,
  { input, output, interrupt }: Terminal,
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
    // readline edits the line (Backspace, Ctrl-U) and, with `terminal`, turns the echo off until it is closed.
    const lines = createInterface({ input, output: muted, terminal: true, historySize: 0 });
    output.write(question); // only now: what is typed before would be echoed
    let done = false;
    const end = (settle: () => void) => {
      if (done) return;
      done = true;
      signal?.removeEventListener('abort', onAbort);
      stopListening();
      lines.close();
      output.write('\n');
      settle();
    };
    const onAbort = () => end(() => reject(signal!.reason as Error));
    signal?.addEventListener('abort', onAbort, { once: true });
    lines.once('line', (answer) => end(() => resolve(answer)));
    lines.once('SIGINT', () => {
      interrupt();
      end(() => reject(new DOMException('interrupted', 'AbortError')));
    });
    const noAnswer = () =>
      end(() =>
        reject(
          new UserError('no passphrase was given', {
            hint: `answer the question, or set ${PASSPHRASE_ENV.wallet}`,
            exitCode: EXIT.usage,
          }),
        ),
      );
    const stopListening = onCtrlD(input, noAnswer);
    lines.once('close', noAnswer);
  });
}

/** Takes both out of `env`, so that no program that is started later inherits them. */
function takePassphrases(env: NodeJS.ProcessEnv): KeyAccess['passphrases'] {
  const take = (name: string) => {
    const value = env[name];
    delete env[name];
    return value;
  };
  return { wallet: take(PASSPHRASE_ENV.wallet), libp2p: take(PASSPHRASE_ENV.libp2p) };
}

/** What a command gives to whoever opens key files; progress and notes go to `screen`. */
export function keyAccess(
  env: CommandCall['env'],
  screen: Screen,
  signal: AbortSignal,
  terminal: Terminal = TERMINAL,
): KeyAccess {
  const { input, output } = terminal;
  return {
    passphrases: takePassphrases(env),
    ask:
      input.isTTY && output.isTTY
        ? (question) => {
            screen.end(); // the question has a line of its own
            return askHidden(question, terminal, signal);
          }
        : undefined,
    onNote: (text) => screen.line(`note: ${text}`),
    onProgress: ({ key, count }) => screen.status(`opening key ${key} of ${count}`),
    signal,
  };
}
