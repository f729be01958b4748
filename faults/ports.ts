/** Where faults let programs listen. */
import { portNumbers } from 'get-port';

/**
 * Below the ports that systems give to outgoing connections (Linux from 32768, macOS and Windows from 49152 on): while nobody listens, a
 * client's own port must not be the one that it asks for, or it would reach itself.
 */
export const quietPorts = (): Iterable<number> => portNumbers(20_000, 29_999);
