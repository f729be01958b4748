/** What the network's program prints when it may be waited for no longer. */
export const READY_LINE = 'the network is ready';
