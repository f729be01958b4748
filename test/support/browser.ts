/** A page in a headless Chromium, over its own debugging protocol; for tests of what a browser makes of our HTML. */
import { pathToFileURL } from 'node:url';
import { WebSocket } from 'undici';
import { startProgram } from '../../system/run-program.ts';

const LIMIT_MS = 90_000;

export type Seen = {
  /** What the page's console and its exceptions say. */
  complaints: string[];
  /** Of all it asked for, the page itself first. */
  requests: string[];
  /** Of the expressions. */
  values: unknown[];
  screenshot: Buffer;
};

/** As much of the protocol's messages as is read. */
type Message = {
  id?: number;
  method?: string;
  params?: {
    request?: { url: string };
    exceptionDetails?: unknown;
    args?: unknown;
    entry?: { text: string };
  };
  result?: unknown;
};

/** An expression, or the medium that the page is shown on from then on. */
export type Look = string | { media: 'screen' | 'print' };

/**
 * Opens a file of HTML, evaluates expressions in it one after another (promises are awaited), and takes a picture of the whole page.
 * @throws Error if the browser does not start or does not answer in time
 */
export async function lookAt(
  chromium: string,
  file: string,
  profile: string,
  looks: readonly Look[],
  { dark = false, width = 1280, height = 900 } = {},
): Promise<Seen> {
  let heard = '';
  let found: (address: string) => void = () => undefined;
  const address = new Promise<string>((resolve) => (found = resolve));
  const flags = ['--headless', '--no-sandbox', '--no-zygote', '--single-process', '--disable-gpu', '--no-first-run', '--disable-background-networking']; // prettier-ignore
  const browser = await startProgram({
    file: chromium,
    args: [...flags, `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'],
    env: { ...process.env, HOME: profile },
    stdout: () => undefined,
    stderr: (chunk) => {
      heard += chunk.toString('latin1');
      const match = /DevTools listening on (ws:\S+)/.exec(heard);
      if (match) found(match[1]);
    },
  });
  const late = setTimeout(() => browser.signal('SIGKILL'), LIMIT_MS);
  const ended = browser.ended.then(() => {
    throw new Error(`the browser ended: ${heard.slice(-500)}`);
  });
  ended.catch(() => undefined);
  try {
    const socket = new WebSocket(await Promise.race([address, ended]));
    return await Promise.race([ended, talk(socket, file, looks, { dark, width, height })]);
  } finally {
    clearTimeout(late);
    await browser.stop({ signal: 'SIGKILL', killAfterMs: 1000 });
  }
}

async function talk(
  socket: WebSocket,
  file: string,
  looks: readonly Look[],
  { dark, width, height }: { dark: boolean; width: number; height: number },
): Promise<Seen> {
  const seen: Seen = { complaints: [], requests: [], values: [], screenshot: Buffer.alloc(0) };
  const waiting = new Map<number, (message: Message) => void>();
  let loaded: () => void = () => undefined;
  const isLoaded = new Promise<void>((resolve) => (loaded = resolve));
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    const { method, params } = message;
    if (method === 'Page.loadEventFired') loaded();
    if (method === 'Network.requestWillBeSent') seen.requests.push(params!.request!.url);
    if (method === 'Runtime.exceptionThrown')
      seen.complaints.push(JSON.stringify(params!.exceptionDetails));
    if (method === 'Runtime.consoleAPICalled') seen.complaints.push(JSON.stringify(params!.args));
    if (method === 'Log.entryAdded') seen.complaints.push(params!.entry!.text);
  });
  let last = 0;
  const session: { sessionId?: string } = {};
  const ask = <T>(method: string, params: object = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, (message) => {
        if (message.result === undefined) reject(new Error(JSON.stringify(message)));
        else resolve(message.result as T);
      });
      socket.send(JSON.stringify({ id, method, params, ...session }));
    });
  const { targetInfos } = await ask<{ targetInfos: { type: string; targetId: string }[] }>(
    'Target.getTargets',
  );
  const { targetId } = targetInfos.find(({ type }) => type === 'page')!;
  const attached = await ask<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  session.sessionId = attached.sessionId;
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await ask(`${domain}.enable`);
  await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false }); // prettier-ignore
  const show = (media: string): Promise<unknown> => {
    const features = dark ? [{ name: 'prefers-color-scheme', value: 'dark' }] : [];
    return ask('Emulation.setEmulatedMedia', { media, features });
  };
  await show('screen');
  await ask('Page.navigate', { url: pathToFileURL(file).href });
  await isLoaded;
  for (const expression of looks) {
    if (typeof expression !== 'string') {
      await show(expression.media);
      continue;
    }
    const { result, exceptionDetails } = await ask<{
      result: { value?: unknown };
      exceptionDetails?: unknown;
    }>('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    seen.values.push(exceptionDetails === undefined ? result.value : exceptionDetails);
  }
  const { data } = await ask<{ data: string }>('Page.captureScreenshot', {
    captureBeyondViewport: true,
    format: 'png',
  });
  seen.screenshot = Buffer.from(data, 'base64');
  return seen;
}
