/** Where the dump of a run lies in the folder of its results. */
export const DUMP_FOLDER = 'dump';
