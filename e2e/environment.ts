/** The environment that programs of a run get: none of the user's settings of storages and accounts, which could lead them elsewhere. */

/** What a program needs to run at all. */
const KEPT =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SystemRoot|XDG_\w+|LD_LIBRARY_PATH|DOCKER_\w+|CONTAINER_HOST|NODE_EXTRA_CA_CERTS|MINA_LOAD_CACHE)$/;

export const processEnv = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && KEPT.test(entry[0]),
    ),
  );
