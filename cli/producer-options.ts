/** Options of every command that signs: who submits, for which network, with which blocks. Each says in its own words what for. */
import { ERA_CHOICES } from '../producers/chain-origin.ts';
import type { OptionSpec } from '../system/option.ts';

export const seedOption = (help: string): OptionSpec => ({
  name: 'seed',
  type: 'text',
  argument: 'TEXT',
  default: 'mina',
  env: 'MINA_LOAD_SEED',
  help,
});

export const producersOption = (asMany: string): OptionSpec => ({
  name: 'producers',
  type: 'integer',
  argument: 'N',
  env: 'MINA_LOAD_PRODUCERS',
  min: 1,
  max: 1_000_000,
  help: `block producers that submit (as many as ${asMany}, 1,000 at least)`,
});

export const PRODUCERS_FILE_OPTION: OptionSpec = {
  name: 'producers-file',
  type: 'path',
  argument: 'PATH',
  env: 'MINA_LOAD_PRODUCERS_FILE',
  help: 'private keys of whitelisted test producers instead of a fleet from the seed: a list, a Mina wallet file or a folder of them',
};

export const NETWORK_OPTION: OptionSpec = {
  name: 'network',
  type: 'choice',
  argument: 'NAME',
  choices: ['testnet', 'mainnet'],
  default: 'testnet',
  env: 'MINA_LOAD_NETWORK',
  help: 'for which network to sign; testnet is every network but mainnet',
};

export const payloadsOption = (what: string): OptionSpec => ({
  name: 'payloads',
  type: 'path',
  argument: 'DIR',
  env: 'MINA_LOAD_PAYLOADS',
  help: `folder of recorded request bodies (*.json)${what}`,
});

/** @param lastSlot which slot the last block has */
export const chainOption = (lastSlot: string): OptionSpec => ({
  name: 'chain',
  type: 'integer',
  argument: 'N',
  default: '0',
  env: 'MINA_LOAD_CHAIN',
  min: 0,
  max: 1000,
  help: `go through a chain of N new blocks, forks beside them, made from the recorded ones: linked, the last one of the slot ${lastSlot}; 0 = the recorded blocks as they are`,
});

export const ERA_OPTION: OptionSpec = {
  name: 'era',
  type: 'choice',
  argument: 'ERA',
  choices: ERA_CHOICES,
  default: 'mesa',
  env: 'MINA_LOAD_ERA',
  help: 'of new blocks, those of --chain and of a fleet: mesa = slots of 90 s and protocol version 4, berkeley = 180 s and version 3, both with the genesis of mainnet or devnet; auto = era and genesis of the recorded blocks',
};
