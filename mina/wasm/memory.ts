/**
 * Memory that grows with keys and templates. Everything else is reserved at compile time (`memory.data`), so
 * signing and verifying allocate nothing.
 */
let next: usize = __heap_base;

/** A zero-filled region, 8-byte aligned, never freed; 0 if the memory cannot grow. */
export function allocate(bytes: usize): usize {
  const start = (next + 7) & ~7;
  const end = start + bytes;
  if (end < start) return 0;
  const missing = <isize>end - <isize>((<usize>memory.size()) << 16);
  if (missing > 0 && memory.grow(<i32>((missing + 0xffff) >> 16)) < 0) return 0;
  next = end;
  return start;
}

/** Text into memory: `ascii(address, "…")` for literals of ASCII characters. */
export function storeAscii(address: usize, text: string): usize {
  for (let i = 0; i < text.length; i++) store<u8>(address + i, <u8>text.charCodeAt(i));
  return address + text.length;
}
