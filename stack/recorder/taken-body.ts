/** A body on its way into the recording: small ones go as one piece, large ones as they come, so memory is bounded. */
import { crc32 } from 'node:zlib';
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import type { BodyNote, Recording } from './recording.ts';

/** So much of a body is gathered before it is handed over. */
export const PIECE_BYTES = 128 * 1024;

export class TakenBody {
  readonly #recording: Recording;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #crc = 0;
  #isCut = false;
  readonly #pieces: [number, number][] = [];

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  /** Takes the next bytes, which must not change any more; beyond what a backend takes they are left out. */
  take(chunk: Buffer): void {
    const room = MAX_BODY_BYTES - this.#bytes;
    if (chunk.length > room) this.#isCut = true;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    if (kept.length === 0) return;
    this.#crc = crc32(kept, this.#crc);
    this.#bytes += kept.length;
    this.#waiting.push(kept);
    this.#waitingBytes += kept.length;
    if (this.#waitingBytes >= PIECE_BYTES) this.#hand();
  }

  /** The whole body, where it has not been handed over yet; null: it has, in part. */
  whole(): Buffer | null {
    if (this.#pieces.length > 0) return null;
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

  #hand(): void {
    for (const chunk of this.#waiting) {
      if (chunk.length === 0) continue;
      const at = this.#recording.addBytes(chunk);
      const last = this.#pieces.at(-1);
      if (last !== undefined && last[0] + last[1] === at) last[1] += chunk.length;
      else this.#pieces.push([at, chunk.length]);
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
