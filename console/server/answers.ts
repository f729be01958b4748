/** What all answers of the console share: why one was refused, bodies that are checked, where a request came from, streams of events. */
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { z } from 'zod';
import type { Followed, Followers } from './followers.ts';

export class Refused extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 415 | 422 | 503;
  readonly hint: string;
  readonly problems: string[] | undefined;
  constructor(status: Refused['status'], message: string, hint: string, problems?: string[]) {
    super(message);
    this.status = status;
    this.hint = hint;
    this.problems = problems;
  }
}

export type Handler = (c: Context) => Promise<Response> | Response;

export const idOf = (c: Context): string => c.req.param('id') ?? '';

/** @throws Refused where there is none */
export function must<T>(value: T | null, message: string, hint = 'see GET /api/runs'): T {
  if (value === null) throw new Refused(404, message, hint);
  return value;
}

/** @throws Refused (400) with all that is wrong */
export async function bodyOf<T extends z.ZodType>(c: Context, schema: T): Promise<z.infer<T>> {
  let value: unknown;
  try {
    value = await c.req.json();
  } catch {
    throw new Refused(400, 'the body is no JSON', 'see /api/openapi.json');
  }
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const problems = found.error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'the body'}: ${message}`); // prettier-ignore
  throw new Refused(400, problems.join('\n'), 'see /api/openapi.json', problems);
}

/** Address and page of a request, for the audit. */
export function fromOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  const origin = c.req.header('origin');
  return `${incoming?.socket?.remoteAddress ?? 'inside'}${origin === undefined ? '' : ` (${origin})`}`; // prettier-ignore
}

/** Each holds a connection, and costs a message a second. */
const MOST_VIEWERS = 50;
const BEAT_MS = 10_000;

/** Answers with what somebody watches, from `Last-Event-ID` or `?since=` on. @param closing ends all of them */
export function eventStreams(closing: AbortSignal) {
  let viewers = 0;
  return <One extends Followed>(
    c: Context,
    followers: Followers<One>,
    { id, folder, event }: { id: string; folder: string; event: string },
  ): Response => {
    const lastId = c.req.header('last-event-id') ?? c.req.query('since');
    if (viewers >= MOST_VIEWERS)
      throw new Refused(503, `${MOST_VIEWERS} viewers watch already`, 'close one of them');
    viewers++;
    c.header('cache-control', 'no-store');
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      let beatMs = performance.now();
      const signal = AbortSignal.any([gone.signal, closing]);
      try {
        await followers.follow(
          { id, folder, lastId, signal },
          async (message, eventId) => {
            beatMs = performance.now();
            await stream.writeSSE({ id: eventId, event, data: JSON.stringify(message) });
          },
          async () => {
            if (performance.now() - beatMs < BEAT_MS) return;
            beatMs = performance.now();
            await stream.writeSSE({ event: 'beat', data: '' });
          },
        );
      } finally {
        viewers--;
      }
    });
  };
}
