/** Public keys by their text: the same block producers submit again and again, and a text's checksum costs two SHA-256. */

/** Of a text and its 33 bytes, some 250 bytes each. */
const MOST = 8192;

export type KnownKeys = {
  /** @returns its 33 bytes, not to be changed; null: not known */
  find(text: string): Uint8Array | null;
  /** @param key what `text` decodes to */
  add(text: string, key: Uint8Array): void;
};

export function createKnownKeys(most = MOST): KnownKeys {
  /** The one added longest ago first: it is decoded once more. */
  const keys = new Map<string, Uint8Array>();
  return {
    find: (text) => keys.get(text) ?? null,
    add(text, key) {
      if (keys.has(text)) return;
      if (keys.size >= most) keys.delete(keys.keys().next().value!);
      keys.set(text, key);
    },
  };
}
