/** By which rule a block is read: that of the block itself, or that of one network, as a verifier that was built for it has. */
import type { ParsedBlock } from '../../mina/block.ts';
import { type EraName, ERAS, type PublicNetwork } from '../../mina/eras.ts';

/**
 * `auto`: the block's own. `mainnet`, `devnet`: that network's, with its keys. An era: that of a verifier of the era, for any network; it takes no
 * block of another one where it checks proofs.
 */
export const RULES = ['auto', 'mainnet', 'devnet', 'rampup', 'rc1', 'berkeley', 'mesa'] as const;
export type Rule = (typeof RULES)[number];

const isNetwork = (rule: Rule): rule is PublicNetwork => rule === 'mainnet' || rule === 'devnet';

/**
 * The era whose rule hashes the block. Under another era's rule a block decodes all the same, and has another hash: a verifier of 3.0.0 takes the blocks of
 * release candidate 1 so.
 * @returns null where a verifier of that rule cannot decode the block: rampup has another layout
 */
export function eraByRule(block: Pick<ParsedBlock, 'era'>, rule: Rule): EraName | null {
  if (rule === 'auto') return block.era;
  const era = isNetwork(rule) ? (block.era === 'mesa' ? 'mesa' : 'berkeley') : rule;
  return (era === 'rampup') === (block.era === 'rampup') ? era : null;
}

/**
 * Whether a verifier of that rule refuses the block's proof whatever it is: its circuits are those of the other side of the Mesa fork.
 */
export const isOfOtherCircuits = (block: Pick<ParsedBlock, 'era'>, rule: Rule): boolean =>
  rule !== 'auto' && !isNetwork(rule) && (rule === 'mesa') !== (block.era === 'mesa');

const isEqual = (a: string | null, b: string): boolean => a === null || a === b;

/**
 * Which public network a block is of, by its genesis; `rc1` for blocks of release candidate 1, whose networks had one circuit.
 * @param genesisStateHash `3N…`
 * @returns null: a network of its own
 */
export function networkOfBlock(
  block: Pick<ParsedBlock, 'era' | 'protocol_state'>,
  genesisStateHash: string,
): PublicNetwork | 'rc1' | null {
  if (block.era === 'rc1') return 'rc1';
  const genesisMs = Number(block.protocol_state.body.constants.genesis_state_timestamp);
  for (const network of ['mainnet', 'devnet'] as const) {
    const genesis = ERAS[block.era].networks[network];
    if (genesis?.genesisMs === genesisMs && isEqual(genesis.stateHash, genesisStateHash))
      return network;
  }
  return null;
}
