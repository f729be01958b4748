/**
 * Follows a log file as `tail -F` does: from its end, or its beginning, on; through rotation (another file of this name) and truncation
 * (copytruncate). A file that is truncated and grows beyond its former size between two looks cannot be told from one that grew.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { LineCutter } from '../../system/lines.ts';

export type FileFollower = {
  /** Reads what is there, up to its end or `atMost` bytes. Never throws: what goes wrong goes to `onNote`. */
  read(atMost: number): Promise<void>;
  close(): Promise<void>;
  /** Whether there was ever a file to read. */
  readonly wasOpened: boolean;
};

export type FileFollowing = {
  path: string;
  /** What a file that is there at the first look already holds is passed over. */
  fromEnd: boolean;
  onLine: (line: string) => void;
  /** Bytes that were passed over, since the file grows faster than it is read. */
  onSkipped: (bytes: number) => void;
  onNote: (text: string) => void;
};

const CHUNK_BYTES = 256 * 1024;
/** Further behind than so many reads of `atMost`, the middle is passed over. */
const MOST_BEHIND = 4;

type Open = {
  handle: FileHandle;
  id: string;
  position: number;
  /** undefined: the file is too short to know. */
  encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | undefined;
};

/** By its byte order mark; without one a file is taken as UTF-8. */
async function encodingOf(handle: FileHandle): Promise<Open['encoding']> {
  const mark = Buffer.alloc(2);
  const { bytesRead } = await handle.read(mark, 0, 2, 0);
  if (bytesRead < 2) return undefined;
  if (mark[0] === 0xff && mark[1] === 0xfe) return 'utf-16le';
  return mark[0] === 0xfe && mark[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/**
 * Without zero bytes: a file that was emptied under a writer that does not append begins with a hole of them, and they would take the place of
 * its first line.
 */
const withoutZeros = (bytes: Buffer): Buffer =>
  bytes.includes(0) ? Buffer.from(bytes.filter((byte) => byte !== 0)) : bytes;

const idOf = ({ dev, ino }: { dev: bigint; ino: bigint }): string => `${dev}:${ino}`;

export function followFile(following: FileFollowing): FileFollower {
  const { path, onLine, onSkipped, onNote } = following;
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let file: Open | null = null;
  let isFirstLook = true;
  let wasOpened = false;
  let cutter = new LineCutter();
  /** Of UTF-16; null: the bytes are UTF-8. */
  let decoder: TextDecoder | null = null;
  let noted = '';
  const note = (text: string) => {
    if (text !== noted) onNote(text);
    noted = text;
  };

  const leave = async (): Promise<void> => {
    const rest = cutter.end();
    if (rest !== null) onLine(rest);
    await file?.handle.close().catch(() => undefined);
    file = null;
  };

  async function openFile(): Promise<Open> {
    const handle = await open(path, 'r');
    try {
      const facts = await handle.stat({ bigint: true });
      if (!facts.isFile()) throw new Error('it is no file');
      cutter = new LineCutter();
      const skipsAll = isFirstLook && following.fromEnd;
      decoder = null;
      const position = skipsAll ? Number(facts.size) : 0;
      return { handle, id: idOf(facts), position, encoding: undefined };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async function learnEncoding(opened: Open): Promise<void> {
    opened.encoding = await encodingOf(opened.handle);
    if (opened.encoding === undefined || opened.encoding === 'utf-8') return;
    decoder = new TextDecoder(opened.encoding);
    onNote(`the log ${path} is UTF-16 by its first bytes, and read as that`);
  }

  const textBytes = (bytes: Buffer): Buffer =>
    decoder === null ? withoutZeros(bytes) : Buffer.from(decoder.decode(bytes, { stream: true }));

  /** @returns bytes left of `budget` */
  async function drain(opened: Open, budget: number, atMost: number): Promise<number> {
    const { handle } = opened;
    const size = Number((await handle.stat({ bigint: true })).size);
    if (size < opened.position) {
      opened.position = 0;
      opened.encoding = undefined;
      decoder = null;
      cutter = new LineCutter();
    }
    if (opened.encoding === undefined) await learnEncoding(opened);
    if (opened.encoding === undefined) return budget;
    const behind = size - opened.position;
    if (behind > MOST_BEHIND * atMost) {
      // The newest part tells more than the oldest.
      // A letter of UTF-16 has two bytes, or twice two.
      const skipped = behind - atMost - (decoder === null ? 0 : (behind - atMost) % 2);
      opened.position += skipped;
      if (decoder !== null) decoder = new TextDecoder(opened.encoding);
      cutter.skip();
      onSkipped(skipped);
    }
    let left = budget;
    while (left > 0) {
      const { bytesRead } = await handle.read(
        buffer,
        0,
        Math.min(buffer.length, left),
        opened.position,
      );
      if (bytesRead === 0) break;
      opened.position += bytesRead;
      left -= bytesRead;
      for (const line of cutter.push(textBytes(buffer.subarray(0, bytesRead)))) onLine(line);
    }
    return left;
  }

  async function look(atMost: number): Promise<void> {
    let left = atMost;
    if (file !== null) {
      left = await drain(file, left, atMost);
      const now = await stat(path, { bigint: true }).catch(() => null);
      // Between two names of a rotation: the old file may still be written to.
      if (now === null || idOf(now) === file.id) return;
      // Its last lines may have come between the reading and the look at the name.
      left = await drain(file, Math.max(left, CHUNK_BYTES), atMost);
      await leave();
    }
    file = await openFile();
    wasOpened = true;
    noted = '';
    await drain(file, Math.max(left, CHUNK_BYTES), atMost);
  }

  return {
    async read(atMost) {
      try {
        await look(atMost);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        note(
          code === 'ENOENT'
            ? `the log ${path} is not there (it is read as soon as it is)`
            : `the log ${path} cannot be read (${code ?? message})`,
        );
      } finally {
        isFirstLook = false;
      }
    },
    close: leave,
    get wasOpened() {
      return wasOpened;
    },
  };
}
