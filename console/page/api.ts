/** Questions to the console's server. The token comes in the fragment of the address once, and stays in this tab. */
import type { E2eRow } from '../server/e2e-folders.ts';
import type { E2eLog } from '../server/e2e-logs.ts';
import type { RunsNow } from '../server/loads.ts';
import type { RunRow } from '../server/run-list.ts';
import type { RunFile } from '../server/files.ts';
import type { LiveMessage } from '../live/message.ts';
import type { Options } from './form.ts';

const TOKEN = 'token';

/** A token for those that ask; `isNew`: also for those that have one, for it comes from an address that somebody has just opened. */
type Shared = { token?: string; isNew?: boolean };

const channel = new BroadcastChannel(TOKEN);
const share = (message: Shared): void => channel.postMessage(message);

/** Takes the token out of the address, so that it is in no bookmark and on no screenshot. */
export function takeToken(): void {
  const match = /^#token=([\w.~-]+)$/.exec(location.hash);
  if (match === null) return;
  keepToken(match[1]);
  history.replaceState(null, '', '#/');
  // Tabs of a console that was started anew know that of its last start.
  share({ token: match[1], isNew: true });
}

function keepToken(token: string): void {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // A browser without storage: what can be seen can be seen, nothing can be changed.
  }
}

/**
 * A new tab of this page asks the others for the token: they are of this console alone, and nothing of it is written down.
 * @param found called when one has it
 */
export function shareToken(found: () => void): void {
  channel.addEventListener('message', ({ data }: MessageEvent<Shared>) => {
    const own = tokenOf();
    const { token, isNew = false } = data;
    if (token === undefined) {
      if (own !== null) share({ token: own });
    } else if (own === null || (isNew && own !== token)) {
      keepToken(token);
      found();
    }
  });
  if (tokenOf() === null) share({});
}

function tokenOf(): string | null {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

export const hasToken = (): boolean => tokenOf() !== null;

export class ApiError extends Error {
  readonly status: number;
  readonly hint: string;
  readonly problems: string[];
  constructor(status: number, message: string, hint: string, problems: string[]) {
    super(message);
    this.status = status;
    this.hint = hint;
    this.problems = problems;
  }
}

type Complaint = { error?: { message?: string; hint?: string; problems?: string[] } };

async function answerOf<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const { error = {} } = (await response.json().catch(() => ({}))) as Complaint;
  throw new ApiError(
    response.status,
    error.message ?? `the console answered ${response.status}`,
    error.hint ?? '',
    error.problems ?? [],
  );
}

async function reached(request: Promise<Response>): Promise<Response> {
  try {
    return await request;
  } catch {
    throw new ApiError(
      0,
      'the console does not answer',
      'is it still running in its terminal?',
      [],
    );
  }
}

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  answerOf(await reached(fetch(path, { ...(signal && { signal }) })));

export const post = async <T>(path: string, body: object = {}): Promise<T> =>
  answerOf(
    await reached(
      fetch(path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${tokenOf() ?? ''}`,
        },
        body: JSON.stringify(body),
      }),
    ),
  );

export type ConsoleFacts = {
  version: string;
  results: string;
  readOnly: boolean;
  canWiki: boolean;
  /** What runs in the results: a load, or an end-to-end run that a console started. */
  current: RunsNow | null;
};

export type RunFacts = {
  row: RunRow;
  figures: Omit<LiveMessage, 'whole' | 'recent'>;
  files: RunFile[];
  parts: RunRow[];
  again: Options | null;
  command: string | null;
};

export type E2eFacts = {
  row: E2eRow;
  files: RunFile[];
  logs: E2eLog[];
  /** null: an older toolkit made it, or nothing may be started. */
  again: Options | null;
  leftOut: string[];
  command: string | null;
};

export type { E2eLog, E2eRow, RunRow, RunFile, RunsNow };

export const pathOf = (id: string, rest = ''): string =>
  `/api/runs/${encodeURIComponent(id)}${rest}`;

export const e2ePathOf = (id: string, rest = ''): string =>
  `/api/e2e/${encodeURIComponent(id)}${rest}`;

/** A text, such as the end of a log. */
export const getText = async (
  path: string,
  signal?: AbortSignal,
): Promise<{ text: string; isCut: boolean }> => {
  const response = await reached(fetch(path, { ...(signal && { signal }) }));
  if (!response.ok) await answerOf(response);
  return { text: await response.text(), isCut: response.headers.get('x-cut') === 'true' };
};
