/**
 * Which of the two signature domains a network belongs to.
 * Source: uptime-service-backend, src/delegation_backend/constants.go (NetworkId).
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */

/** Decides the start state of the hash and the network id in the nonce: 0 for testnet, 1 for mainnet. */
export type Network = 'testnet' | 'mainnet';

export const NETWORKS: readonly Network[] = ['testnet', 'mainnet'];

/** @returns `mainnet` for exactly the name "mainnet", `testnet` for every other name (devnet, berkeley, …) */
export const networkOf = (name: string): Network => (name === 'mainnet' ? 'mainnet' : 'testnet');

/** The byte that enters the nonce. */
export const networkId = (network: Network): 0 | 1 => (network === 'mainnet' ? 1 : 0);
