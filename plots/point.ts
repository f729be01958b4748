/** A point of a chart, in the units of its axes. */
export type Point = { x: number; y: number };
