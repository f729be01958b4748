/**
 * body_reference of a block: the content address of its body, so that each byte of the body can be checked though it is not decoded.
 * The body, behind its length and a tag, is cut into bitswap blocks of at most 262,144 bytes, from its end; a block is its number of links (u16, LE),
 * the links, and data; a link is the BLAKE2b-256 of a block. The address is that of the first.
 * Source: MinaProtocol/mina, src/lib/staged_ledger_diff/body.ml (compute_reference) and bitswap_block.ml (blocks_of_data).
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
const MOST_BLOCK_BYTES = 262_144;
const LINK_BYTES = 32;
const COUNT_BYTES = 2;
const TAG_BODY = 0;

/** @param hash BLAKE2b-256 */
export function bodyReference(
  body: Uint8Array,
  hash: (bytes: Uint8Array) => Uint8Array,
  mostBlockBytes = MOST_BLOCK_BYTES,
): Uint8Array {
  const data = new Uint8Array(body.length + 5);
  new DataView(data.buffer).setUint32(0, body.length + 1, true);
  data[4] = TAG_BODY;
  data.set(body, 5);

  let end = data.length;
  /** Oldest first; a link is taken from the front, and a block has its links newest first. */
  const links: Uint8Array[] = [];
  const add = (linkCount: number, dataBytes: number): void => {
    const block = new Uint8Array(COUNT_BYTES + linkCount * LINK_BYTES + dataBytes);
    new DataView(block.buffer).setUint16(0, linkCount, true);
    links
      .splice(0, linkCount)
      .reverse()
      .forEach((link, i) => block.set(link, COUNT_BYTES + i * LINK_BYTES));
    block.set(data.subarray(end - dataBytes, end), block.length - dataBytes);
    end -= dataBytes;
    links.push(hash(block));
  };

  const room = mostBlockBytes - COUNT_BYTES;
  // A block besides the first costs its data's room one link somewhere.
  const blocks =
    data.length <= room ? 1 : Math.ceil((data.length - LINK_BYTES) / (room - LINK_BYTES));
  const mostLinks = Math.min(Math.floor(room / LINK_BYTES), 0xffff);
  const full = Math.floor((blocks - 1) / mostLinks);
  const partial = blocks - 1 - full * mostLinks;
  add(0, data.length - (room - LINK_BYTES) * (blocks - 1));
  const leaves = blocks - full - 1 - (partial > 0 ? 1 : 0);
  for (let i = 0; i < leaves; i++) add(0, room);
  if (partial > 0) add(partial, room - partial * LINK_BYTES);
  for (let i = 0; i < full; i++) add(mostLinks, room - mostLinks * LINK_BYTES);
  return links[0];
}
