/**
 * Who submitted of late: `GET /v1/online`, a JSON array with an entry for each submitter of the last 20 minutes. In memory, as the
 * original keeps it (its commits of 2026-05-28, after v2.0.5, which has no such route and answers as to any path).
 */
const ONLINE_MS = 20 * 60 * 1000;

/** In the order of the original's fields; without a port where the submission had none. */
export type OnlineEntry = { remote_addr: string; submitter: string; graphql_control_port?: number };

export type OnlineTable = {
  /** @param remoteAddr as it is stored: X-Forwarded-For, else `ip:port` */
  record(submission: { submitter: string; remoteAddr: string; graphqlControlPort: bigint }): void;
  /** The oldest first. */
  list(): OnlineEntry[];
};

/** The host alone: `10.0.0.1:7` -> `10.0.0.1`, `[::1]:7` -> `::1`; anything else as it is. */
export function hostOf(remoteAddr: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(remoteAddr);
  if (bracketed) return bracketed[1];
  const plain = /^([^:]*):\d+$/.exec(remoteAddr);
  return plain ? plain[1] : remoteAddr;
}

/** @param nowMs a clock that never goes back. Memory: one entry for each submitter of 20 minutes */
export function createOnlineTable(nowMs: () => number): OnlineTable {
  /** Ordered by the latest submission, oldest first. */
  const seen = new Map<string, { atMs: number; entry: OnlineEntry }>();
  const forget = (): void => {
    const oldest = nowMs() - ONLINE_MS;
    for (const [submitter, { atMs }] of seen) {
      if (atMs > oldest) return;
      seen.delete(submitter);
    }
  };
  return {
    record({ submitter, remoteAddr, graphqlControlPort }) {
      forget();
      seen.delete(submitter);
      const entry: OnlineEntry = { remote_addr: hostOf(remoteAddr), submitter };
      if (graphqlControlPort !== 0n) entry.graphql_control_port = Number(graphqlControlPort);
      seen.set(submitter, { atMs: nowMs(), entry });
    },
    list() {
      forget();
      return [...seen.values()].map(({ entry }) => entry);
    },
  };
}
