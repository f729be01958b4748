/** Who sends in a run. Pure. */

/** Nobody by itself: the system waits for loads (load/). */
export const LOAD_NETWORK = 'load';
export const NETWORK_CHOICES = ['fleet', 'recorded', 'minimina', LOAD_NETWORK] as const;
