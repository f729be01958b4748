/** What a proxy does to what goes through it. Plain data: it goes to the proxy's process as JSON. Types alone. */

/** `share`: of the requests, 0 to 1. */
export type Toxic =
  /** Each piece that the client sends is held back so long; uniform between the two. */
  | { kind: 'latency'; minMs: number; maxMs: number }
  /** All connections share it; in each direction. */
  | { kind: 'bandwidth'; bytesPerSecond: number }
  /** Connections are taken, nothing goes through; what waits goes on at the end. */
  | { kind: 'stall' }
  /** Nobody listens; open connections are reset. */
  | { kind: 'refuse' }
  /** A request's connection is reset before any of it is passed on; with a share of 1 every connection is, open ones too. */
  | { kind: 'reset'; share: number }
  /** Half of a request's body is passed on, then both connections end. */
  | { kind: 'cut'; share: number }
  /** The proxy answers a request, which the target never sees. */
  | { kind: 'status'; status: number; share: number };

/** Those that decide about each request. */
export type RequestToxic = Extract<Toxic, { share: number }>;
