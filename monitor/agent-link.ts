/** Ways to an agent (agent-server.ts): HTTP, or ssh that starts one at the other end. */
import { Readable } from 'node:stream';
import { httpFetch } from '../system/http.ts';
import { NotStartedError, startProgram } from '../system/run-program.ts';
import { withoutUser } from '../system/secret-names.ts';
import { UserError, EXIT } from '../user-error.ts';

type HttpResponse = Awaited<ReturnType<typeof httpFetch>>;

export type AgentConnection = {
  /** Ends with the connection; throws what broke it. */
  lines: AsyncIterable<string>;
  /** The agent's clock now, milliseconds since 1970. */
  askClock(signal: AbortSignal): Promise<number>;
  /** Takes lines that are no readings; the answers to askClock over ssh come this way. */
  take(line: { kind: string }): void;
  close(): void;
};

export type AgentLink = {
  /** Without a secret in it. */
  url: string;
  /** For names that would else be in use. */
  host: string;
  open(signal: AbortSignal): Promise<AgentConnection>;
};

export type AgentAddress =
  { kind: 'http'; url: URL } | { kind: 'ssh'; url: string; host: string; args: string[] };

/** A word of a POSIX shell that stands for itself. */
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const SSH_QUERY = ['pid', 'container', 'name', 'interval'];

/**
 * `http://HOST:PORT`, `https://…`, or `ssh://[USER@]HOST[:PORT]/PATH/OF/TOOLKIT?pid=N&container=NAME`
 * (`/~/PATH` starts at the user's home; also `name`, `interval`).
 * @returns the address, or what is wrong with it, to stand after the option
 */
export function parseAgentUrl(text: string): AgentAddress | { problem: string } {
  const problem = (why: string) => ({ problem: why });
  if (!URL.canParse(text))
    return problem(
      `must be a URL such as http://127.0.0.1:9464 or ssh://HOST/PATH?pid=N, but is "${withoutUser(text)}"`,
    );
  const url = new URL(text);
  if (url.password !== '')
    return problem(
      'must not hold a password: the token stands in an environment variable (--agent-token-env)',
    );
  if (url.protocol === 'http:' || url.protocol === 'https:') {
    if (url.username !== '' || url.search !== '' || url.hash !== '')
      return problem(
        `must be a URL without user, query and fragment, but is "${withoutUser(text)}"`,
      );
    return { kind: 'http', url };
  }
  if (url.protocol !== 'ssh:')
    return problem(`must begin with http://, https:// or ssh://, but is "${text}"`);
  const user = decodeURIComponent(url.username);
  // What begins with a dash would be an option of ssh.
  if (
    !/^[\w.][\w.-]*$/.test(url.hostname.replace(/^\[([\da-f:.]+)\]$/i, '$1').replaceAll(':', '.'))
  )
    return problem(`must name a host, but is "${text}"`);
  if (user !== '' && !/^[\w.][\w.@+-]*$/.test(user))
    return problem(`must not have a user such as "${user}"`);
  let folder = decodeURIComponent(url.pathname);
  if (folder === '' || folder === '/')
    return problem('must name the folder of the toolkit on that machine: ssh://HOST/PATH?pid=N');
  const unknown = [...url.searchParams.keys()].find((key) => !SSH_QUERY.includes(key));
  if (unknown !== undefined)
    return problem(`has the unknown parameter "${unknown}" (${SSH_QUERY.join(', ')})`);
  if (!url.searchParams.has('pid') && !url.searchParams.has('container'))
    return problem('must say what is to be watched there: ?pid=N or ?container=NAME');
  const options = [...url.searchParams].flatMap(([key, value]) => [`--${key}=${value}`]);
  folder = folder.startsWith('/~/') ? folder.slice(3) : folder;
  const remote = `cd ${quoted(folder)} && exec npm run --silent monitor -- --stdio ${options.map(quoted).join(' ')}`;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    kind: 'ssh',
    host,
    url: `ssh://${url.host}${url.pathname}`,
    args: [
      ...['-T', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10'],
      ...['-o', 'ServerAliveInterval=10', '-o', 'ServerAliveCountMax=3'],
      ...(url.port === '' ? [] : ['-p', url.port]),
      ...(user === '' ? [] : ['-l', user]),
      ...['--', host, remote],
    ],
  };
}

const LONGEST_LINE = 256 * 1024;

async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop()!;
    if (rest.length > LONGEST_LINE) throw new Error('it sends no lines');
    yield* parts;
  }
}

/** @throws UserError for a token that no header can carry */
export function httpLink(
  url: URL,
  token: string | null,
  env: NodeJS.ProcessEnv = process.env,
): AgentLink {
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new UserError("the agent's token holds characters that no header can carry", {
      hint: 'set the variable of --agent-token-env to printable ASCII without blanks',
      exitCode: EXIT.usage,
    });
  const base = url.href.replace(/\/$/, '');
  async function get(path: string, signal: AbortSignal): Promise<HttpResponse> {
    const response = await httpFetch(`${base}${path}`, {
      env,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      // A token goes nowhere but where the user sent it.
      redirect: 'manual',
      signal,
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw new Error(
      response.status === 401
        ? token === null
          ? 'it asks for a token (--agent-token-env VARIABLE)'
          : 'it does not take the token'
        : response.status >= 300 && response.status < 400
          ? `answer ${response.status}, which leads elsewhere (${response.headers.get('location') ?? 'it does not say where'})`
          : `answer ${response.status}`,
    );
  }
  return {
    url: base,
    host: url.host,
    async open(signal) {
      const ended = new AbortController();
      signal.addEventListener('abort', () => ended.abort(), { once: true, signal: ended.signal });
      const response = await get('/v1/readings', ended.signal);
      return {
        lines: linesOf(Readable.fromWeb(response.body as never)),
        async askClock(limited) {
          const { t } = (await (await get('/v1/clock', limited)).json()) as { t?: unknown };
          if (typeof t !== 'number') throw new Error('it gives no time');
          return t;
        },
        take: () => undefined,
        close: () => ended.abort(),
      };
    },
  };
}

/** @param env of the ssh program; its PATH finds it */
export function sshLink(
  { url, host, args }: Extract<AgentAddress, { kind: 'ssh' }>,
  env: NodeJS.ProcessEnv,
): AgentLink {
  return {
    url,
    host,
    async open(signal) {
      const ssh = await startProgram({
        file: 'ssh',
        args,
        env,
        stdin: 'pipe',
        stdout: 'pipe',
        stderr: 'keep',
      }).catch((cause: unknown) => {
        if (!(cause instanceof NotStartedError)) throw cause;
        throw new Error(`ssh did not start (${cause.message})`);
      });
      const asked = new Map<number, (t: number) => void>();
      let lastId = 0;
      // Its input's end lets the monitor at the other end stop.
      const close = () => {
        ssh.stdin!.end();
        setTimeout(() => ssh.signal('SIGTERM'), 1000).unref();
      };
      signal.addEventListener('abort', close, { once: true });
      if (signal.aborted) close();
      async function* lines(): AsyncGenerator<string> {
        try {
          yield* linesOf(ssh.stdout!);
        } catch (error) {
          close();
          throw error;
        }
        const { exitCode, signal: by, stderr } = await ssh.ended;
        const complaint = stderr.trim().split('\n').at(-1)!.trim().slice(0, 300);
        throw new Error(complaint === '' ? `ssh ended with ${by ?? exitCode}` : complaint);
      }
      return {
        lines: lines(),
        askClock: (limited) =>
          new Promise<number>((resolve, reject) => {
            const id = ++lastId;
            asked.set(id, resolve);
            limited.addEventListener('abort', () => reject(new Error('it gives no time')), {
              once: true,
            });
            ssh.stdin!.write(`{"clock":${id}}\n`);
          }),
        take(line) {
          const { kind, id, t } = line as { kind: string; id?: unknown; t?: unknown };
          if (kind !== 'clock' || typeof id !== 'number' || typeof t !== 'number') return;
          asked.get(id)?.(t);
          asked.delete(id);
        },
        close,
      };
    },
  };
}
