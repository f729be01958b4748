/** Snark work of a fleet with digests that fit its submitters: lent work names whoever sent it first. Its proof fits no more, so only a verifier that reads none takes it. */
import { decode } from '../../mina/base58check.ts';
import { parseSnarkWork, SOK_DIGEST_BYTES, sokDigest } from '../../mina/snark-work.ts';
import type { SubmissionTemplate } from '../../producers/templates.ts';

export type DigestSend = {
  /** Place in the templates. */
  template: number;
  producer: number;
};

/**
 * @param publicKeys `B62q…` of each producer @param zeroOf whose digest is zeros
 * @returns templates, and that of each send: one more for each producer that sends snark work with a block
 */
export function withOwnDigests(
  templates: readonly SubmissionTemplate[],
  sends: readonly DigestSend[],
  publicKeys: readonly string[],
  zeroOf: number | null,
): { templates: SubmissionTemplate[]; templateOf: number[] } {
  const made: SubmissionTemplate[] = [];
  const places = new Map<string, number>();
  const templateOf = sends.map(({ template, producer }) => {
    const plain = templates[template];
    const key = plain.hasSnarkWork ? `${template} ${producer}` : String(template);
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, made.length);
    return (
      made.push(
        plain.hasSnarkWork
          ? withDigest(plain, producer === zeroOf ? null : publicKeys[producer])
          : plain,
      ) - 1
    );
  });
  return { templates: made, templateOf };
}

/** @param publicKey null: zeros */
const withDigest = (
  template: SubmissionTemplate,
  publicKey: string | null,
): SubmissionTemplate => ({
  ...template,
  async load() {
    const parts = await template.load();
    const bytes = Buffer.from(parts.snarkWork!.toString('latin1').slice(1, -1), 'base64');
    const work = parseSnarkWork(bytes);
    const at = bytes.indexOf(work.statement.sok_digest);
    bytes.set(
      publicKey === null
        ? new Uint8Array(SOK_DIGEST_BYTES)
        : sokDigest(work, decode('publicKey', publicKey)),
      at,
    );
    return { ...parts, snarkWork: Buffer.from(`"${bytes.toString('base64')}"`, 'latin1') };
  },
});
