/** A body on its way into the recording: small ones go as one piece, large ones as they come, so memory is bounded. */
import { crc32 } from 'node:zlib';
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import type { BodyNote, Recording } from './recording.ts';

/** So much of a body is gathered before it is handed over. */
export const PIECE_BYTES = 128 * 1024;

export class TakenBody {
  readonly #recording: Pick<Recording, 'addBytes'>;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #crc = 0;
  #isCut = false;
  readonly #pieces: [number, number][] = [];

  constructor(recording: Pick<Recording, 'addBytes'>) {
    this.#recording = recording;
  }

  /** Takes the next bytes, which must not change any more; beyond what a backend takes they are left out. */
  take(chunk: Buffer): void {
    const room = MAX_BODY_BYTES - this.#bytes;
    if (chunk.length > room) this.#isCut = true;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    if (kept.length === 0) return;
    this.#bytes += kept.length;
    this.#waiting.push(kept);
    this.#waitingBytes += kept.length;
    if (this.#waitingBytes >= PIECE_BYTES) this.#hand();
  }

  /** The whole body, where it has not been handed over yet; null: it has, in part. */
  whole(): Buffer | null {
    if (this.#pieces.length > 0 || this.#isCut) return null;
    if (this.#waiting.length !== 1) this.#waiting = [Buffer.concat(this.#waiting)];
    return this.#waiting[0];
  }

  /** Hands over what is left. @param isCut the sender broke off */
  end(isCut = false): BodyNote {
    this.#hand();
    return {
      bytes: this.#bytes,
      pieces: this.#pieces,
      crc32: this.#crc,
      ...((isCut || this.#isCut) && { cut: true as const }),
    };
  }

  /** What the disk does not take is missing: the body is cut, and its request will not be written either. */
  #hand(): void {
    const chunks = this.#waiting.filter(({ length }) => length > 0);
    this.#waiting = [];
    const bytes = this.#waitingBytes;
    this.#waitingBytes = 0;
    if (bytes === 0) return;
    for (const chunk of chunks) this.#crc = crc32(chunk, this.#crc);
    try {
      const at = this.#recording.addBytes(chunks);
      const last = this.#pieces.at(-1);
      if (last !== undefined && last[0] + last[1] === at) last[1] += bytes;
      else this.#pieces.push([at, bytes]);
    } catch {
      this.#isCut = true;
    }
  }
}
