/** States, block producers and points of a batch's rows, with their ids. */
import type { CountingRow } from './rows.ts';
import { addNodes, addStates, type Client, type Point } from './tables.ts';
import { pandasTimes } from './window.ts';

export type RowWriter = {
  stateIds: ReadonlyMap<string, number>;
  nodeIds: ReadonlyMap<string, number>;
  doubled: string[];
  /** @param places of rows that score */
  points(places: readonly number[]): Point[];
};

/** Inserts the states and block producers of the rows that are not known yet, and makes points of rows. */
export async function createRowWriter(
  client: Client,
  rows: readonly CountingRow[],
  nowMs: number,
): Promise<RowWriter> {
  if (rows.length === 0)
    return { stateIds: new Map(), nodeIds: new Map(), doubled: [], points: () => [] };
  const withState = rows.filter(({ stateHash }) => stateHash !== null);
  const stateIds = await addStates(client, [
    ...withState.map(({ stateHash }) => stateHash),
    ...withState.map(({ parent }) => parent),
  ]);
  const nodes = await addNodes(
    client,
    rows.map(({ submitter }) => submitter),
    nowMs,
  );
  // Of the whole column, whichever rows score.
  const times = pandasTimes(rows.map(({ submittedAtUs }) => submittedAtUs));
  return {
    stateIds,
    nodeIds: nodes.ids,
    doubled: nodes.doubled,
    points: (places) =>
      places.map((place) => {
        const { submitter, submittedAtUs, createdAtMs, height, stateHash } = rows[place];
        return {
          fileName: `${times[place]}-${submitter}`,
          submittedAtUs,
          createdAtMs,
          height,
          nodeId: nodes.ids.get(submitter)!,
          stateId: stateIds.get(stateHash!)!,
        };
      }),
  };
}
