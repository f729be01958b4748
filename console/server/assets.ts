/** What the page is made of, read once, and packed once: a browser that knows it asks and gets nothing again. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { distFile } from '../../paths.ts';
import { UserError } from '../../user-error.ts';

export type Asset = { bytes: Buffer; gzip: Buffer | null; type: string; etag: string };
export type Assets = ReadonlyMap<string, Asset>;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Load test console</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="preload" href="/assets/inter-400.woff2" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="/assets/console.css">
<script src="/assets/console.js" defer></script>
</head>
<body><div id="app"></div><noscript><p>The console needs JavaScript; the reports in the results folder do not.</p></noscript></body>
</html>
`;

/** A pulse on a tile. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#4f46e5"/><path d="M4 18h6l3-9 5 15 4-10 2 4h4" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

const asset = (bytes: Buffer, type: string, isPacked = false): Asset => ({
  bytes,
  gzip: isPacked ? null : gzipSync(bytes, { level: 9 }),
  type,
  etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
});

/** @throws UserError if a part is not built or not installed */
export function readAssets(): Assets {
  const require = createRequire(import.meta.url);
  const font = (weight: number) =>
    readFileSync(require.resolve(`@fontsource/inter/files/inter-latin-${weight}-normal.woff2`));
  try {
    return new Map([
      ['index.html', asset(Buffer.from(PAGE), 'text/html; charset=utf-8')],
      ['icon.svg', asset(Buffer.from(ICON), 'image/svg+xml')],
      ['console.js', asset(readFileSync(distFile('console.js')), 'text/javascript; charset=utf-8')],
      ['console.css', asset(readFileSync(distFile('console.css')), 'text/css; charset=utf-8')],
      ['inter-400.woff2', asset(font(400), 'font/woff2', true)],
      ['inter-600.woff2', asset(font(600), 'font/woff2', true)],
    ]);
  } catch (cause) {
    throw new UserError(`a part of the console cannot be read: ${(cause as Error).message}`, {
      hint: 'run `npm ci`, then `npm run build`',
      cause,
    });
  }
}
