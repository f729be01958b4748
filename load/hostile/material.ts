/**
 * What hostile requests are made of: signed submissions of producers of their own, so that the hourly limits of the good load's
 * producers are not used up by them.
 *
 * The producers are the fleet of the seed `<seed>/hostile` (`npm run producers -- --for-hostile` prints them for a whitelist),
 * whatever the size of the good fleet. Of those that the target lets in the first is for the edge of the hourly limit only, the
 * second for submissions that are refused, the others take turns in those that are accepted. The outsider has a new key in each run,
 * which no whitelist can hold.
 */
import { randomUUID } from 'node:crypto';
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import { encode } from '../../mina/base58check.ts';
import type { Network } from '../../mina/network.ts';
import { createSigner } from '../../mina/signer.ts';
import { signedText } from '../../mina/submission-text.ts';
import { loadMinaWasm } from '../../paths.ts';
import { type Fleet, makeFleet, type Producer } from '../../producers/fleet.ts';
import { readTemplates } from '../../producers/templates.ts';

export const HOSTILE_PRODUCERS = 34;

export const hostileFleet = (seed: string): Fleet =>
  makeFleet({ seed: `${seed}/hostile`, count: HOSTILE_PRODUCERS });

/** Below it not every case has somebody to submit. */
export const LEAST_LISTED = 3;

/** What prints {@link hostileFleet}'s public keys, one a line. */
export const hostileKeysCommand = (seed: string): string =>
  `npm run producers -- --for-hostile --seed ${quoted(seed)}`;

/** As a POSIX shell reads it back. */
const quoted = (word: string): string =>
  /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Each field of a request as its JSON token (a string with its quotes); undefined: left out. */
export type Tokens = {
  block?: string | undefined;
  created_at?: string | undefined;
  peer_id?: string | undefined;
  snark_work?: string | undefined;
  graphql_control_port?: string | undefined;
  built_with_commit_sha?: string | undefined;
  submitter?: string | undefined;
  signature?: string | undefined;
};

const DATA_FIELDS = [
  'block',
  'created_at',
  'peer_id',
  'snark_work',
  'graphql_control_port',
  'built_with_commit_sha',
] as const;

/** A request body, whatever the tokens are. */
export function bodyOf(tokens: Tokens): Buffer {
  const member = (name: keyof Tokens): string[] =>
    tokens[name] === undefined ? [] : [`"${name}":${tokens[name]}`];
  const data = DATA_FIELDS.flatMap(member).join(',');
  const rest = [...member('submitter'), ...member('signature')].map((text) => `,${text}`).join('');
  return Buffer.from(`{"version":1,"data":{${data}}${rest}}`, 'latin1');
}

/** A producer that signs. */
export type Member = Producer & {
  readonly key: number;
  /** When it was used for what may be accepted, on a monotonic clock, oldest first. */
  readonly uses: number[];
};

export type SigningOptions = {
  member: Member;
  /** Seconds since 1970. */
  createdAt: number;
  snarkWork?: string;
  graphqlControlPort?: number;
  builtWithCommitSha?: string;
  /** The other domain than the target's. */
  otherNetwork?: boolean;
};

export type HostileMaterial = {
  /** For the edge of the hourly limit. */
  readonly atLimit: Member;
  /** For what is refused. */
  readonly refused: Member;
  /** Whom no whitelist holds. */
  readonly outsider: Member;
  /** Another one, who has never submitted anything: where there is no whitelist, its hour is whole. */
  readonly newcomer: Member;
  /** All but those two. */
  readonly members: readonly Member[];
  /** Only these take part from now on: those that the target lets in, {@link LEAST_LISTED} at least. */
  keepOnly(members: readonly Member[]): void;
  /** The member for the next accepted submission; null when all have used up their hour. */
  take(): Member | null;
  /** Counts a use of this member; false when its hour is used up. */
  claim(member: Member): boolean;
  /** All fields, rightly signed. */
  sign(options: SigningOptions): Required<Pick<Tokens, 'block' | 'signature'>> & Tokens;
  /** Of everyone who signs but outsider and newcomer: belongs into the whitelist. */
  publicKeys: readonly string[];
};

export const utcText = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

const HOUR_MS = 3_600_000;
/** The target's clock and ours need not agree to the second. */
const HOUR_MARGIN_MS = 60_000;
/** One of an hour is left out: a request that we gave up may have counted. */
const usable = (limit: number): number => Math.max(limit - 1, Math.min(limit, 1));

/**
 * @param fleet at least 3 producers that the target lets in; default: {@link hostileFleet} of the seed
 * @param strangers seed of outsider and newcomer; default: another in each run
 * @param monotonicMs a clock that never goes back
 */
export async function hostileMaterial({
  seed,
  network,
  hourlyLimit,
  fleet = hostileFleet(seed),
  strangers = randomUUID(),
  monotonicMs = () => performance.now(),
}: {
  seed: string;
  network: Network;
  hourlyLimit: number | null;
  fleet?: Fleet;
  strangers?: string;
  monotonicMs?: () => number;
}): Promise<HostileMaterial> {
  const enough = (count: number): void => {
    if (count < LEAST_LISTED)
      throw new RangeError(`hostile requests need ${LEAST_LISTED} producers, not ${count}`);
  };
  enough(fleet.producers.length);
  const signer = createSigner(loadMinaWasm());
  const otherNetwork: Network = network === 'mainnet' ? 'testnet' : 'mainnet';
  /** Handles of the same keys for the other network. */
  const otherKeys = new Map<number, number>();
  const membersOf = ({ producers, privateKeys }: Fleet): Member[] =>
    producers.map((producer, i) => {
      const privateKey = privateKeys.subarray(i * 32, (i + 1) * 32);
      const key = signer.addKey(privateKey, network);
      otherKeys.set(key, signer.addKey(privateKey, otherNetwork));
      return { ...producer, key, uses: [] };
    });
  const members = membersOf(fleet);
  let [atLimit, refused, ...pool] = members as [Member, Member, ...Member[]];
  const [outsider, newcomer] = membersOf(makeFleet({ seed: strangers, count: 2 }));
  const templates = await readTemplates();
  const template = templates.find(({ hasSnarkWork }) => !hasSnarkWork) ?? templates[0];
  const block = (await template.load()).block.toString('latin1');
  const limit = usable(hourlyLimit ?? HOURLY_LIMIT);

  function claim(member: Member): boolean {
    const now = monotonicMs();
    while (member.uses.length > 0 && member.uses[0] <= now - HOUR_MS - HOUR_MARGIN_MS)
      member.uses.shift();
    if (member.uses.length >= limit) return false;
    member.uses.push(now);
    return true;
  }

  let turn = 0;
  return {
    get atLimit() {
      return atLimit;
    },
    get refused() {
      return refused;
    },
    outsider,
    newcomer,
    members,
    keepOnly(listed) {
      enough(listed.length);
      [atLimit, refused, ...pool] = listed as [Member, Member, ...Member[]];
    },
    claim,
    take() {
      for (let tried = 0; tried < pool.length; tried++) {
        const member = pool[turn++ % pool.length];
        if (claim(member)) return member;
      }
      return null;
    },
    sign({ member, createdAt, snarkWork, graphqlControlPort, builtWithCommitSha, ...options }) {
      const text = signedText({
        block,
        createdAt: utcText(createdAt),
        peerId: member.peerId,
        snarkWork,
        graphqlControlPort,
        builtWithCommitSha,
      });
      const key = options.otherNetwork ? otherKeys.get(member.key)! : member.key;
      const signature = encode('signature', signer.sign(key, signer.blake2b256(text)));
      return {
        block,
        created_at: `"${utcText(createdAt)}"`,
        peer_id: `"${member.peerId}"`,
        snark_work: snarkWork,
        graphql_control_port: graphqlControlPort?.toString(),
        built_with_commit_sha: builtWithCommitSha && `"${builtWithCommitSha}"`,
        submitter: `"${member.publicKey}"`,
        signature: `"${signature}"`,
      };
    },
    publicKeys: members.map(({ publicKey }) => publicKey),
  };
}
