/**
 * What hostile requests are made of: signed submissions of producers of their own, so that the hourly limits of the good load's
 * producers are not used up by them.
 *
 * The producers are the fleet of the seed `<seed>/hostile` (`npm run producers -- --seed mina/hostile --count 34` writes them
 * for a whitelist), whatever the size of the good fleet. Number 0 is for the edge of the hourly limit only, number 1 for
 * submissions that are refused, the others take turns in those that are accepted. The outsider, of the seed
 * `<seed>/outsider`, must be in no whitelist.
 */
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

const outsiderFleet = (seed: string): Fleet => makeFleet({ seed: `${seed}/outsider`, count: 1 });

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
  atLimit: Member;
  /** For what is refused. */
  refused: Member;
  outsider: Member;
  /** The member for the next accepted submission; null when all have used up their hour. */
  take(): Member | null;
  /** Counts a use of this member; false when its hour is used up. */
  claim(member: Member): boolean;
  /** All fields, rightly signed. */
  sign(options: SigningOptions): Required<Pick<Tokens, 'block' | 'signature'>> & Tokens;
  /** Of everyone who signs but the outsider: belongs into the whitelist. */
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
 * @param monotonicMs a clock that never goes back
 */
export async function hostileMaterial({
  seed,
  network,
  hourlyLimit,
  fleet = hostileFleet(seed),
  monotonicMs = () => performance.now(),
}: {
  seed: string;
  network: Network;
  hourlyLimit: number | null;
  fleet?: Fleet;
  monotonicMs?: () => number;
}): Promise<HostileMaterial> {
  if (fleet.producers.length < 3)
    throw new RangeError(`hostile requests need 3 producers, not ${fleet.producers.length}`);
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
  const [atLimit, refused, ...pool] = members as [Member, Member, ...Member[]];
  const [outsider] = membersOf(outsiderFleet(seed)) as [Member];
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
    atLimit,
    refused,
    outsider,
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
