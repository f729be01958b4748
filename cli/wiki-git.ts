/** Commits and pushes what was written into a wiki's checkout, with git. */
import { realpathSync } from 'node:fs';
import { askProgram, firstLine } from '../system/run-program.ts';
import { UserError } from '../user-error.ts';

const TIMEOUT_MS = 120_000;

type Wiki = { folder: string; env: NodeJS.ProcessEnv };

/** @returns what git wrote, and whether it was content */
async function git(
  { folder, env }: Wiki,
  args: readonly string[],
): Promise<{ ok: boolean; out: string; complaint: string }> {
  const answer = await askProgram({
    file: 'git',
    args: ['-C', folder, ...args],
    // A question at the terminal would wait for ever in a schedule.
    env: { ...env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
    timeoutMs: TIMEOUT_MS,
  });
  if (answer.kind === 'not started')
    throw new UserError(`git did not start: ${answer.message}`, {
      hint: 'install git, or leave --commit away: the files are written',
    });
  if (answer.kind === 'timed out')
    return { ok: false, out: '', complaint: `no end within ${TIMEOUT_MS / 1000} s` };
  const { stdout, stderr } = answer.output;
  const complaint =
    reasonIn(stderr) || firstLine(stderr) || firstLine(stdout) || `exit code ${answer.exitCode}`;
  return {
    ok: answer.exitCode === 0,
    out: stdout,
    // An address may have a name and a password in it.
    complaint: complaint.replaceAll(/:\/\/[^@/\s]*@/g, '://'),
  };
}

/** Before git's reason stand other lines, such as where it pushed to. */
const reasonIn = (text: string): string =>
  firstLine(text.split('\n').filter((line) => /^(?:fatal|error): | ! \[/.test(line)).join('\n')); // prettier-ignore

async function must(wiki: Wiki, args: readonly string[], what: string, hint: string) {
  const { ok, out, complaint } = await git(wiki, args);
  if (!ok) throw new UserError(`${what}: ${complaint}`, { hint });
  return out;
}

/**
 * Commits these files and no others; nothing where none of them changed.
 * @param files from the wiki's root
 * @returns whether there was something to commit
 * @throws UserError unless `folder` is the root of a checkout and git takes the commit
 */
export async function commitWiki(
  wiki: Wiki,
  files: readonly string[],
  message: string,
): Promise<boolean> {
  const root = await must(
    wiki,
    ['rev-parse', '--show-toplevel'],
    `${wiki.folder} is no checkout of git`,
    'give the folder that git clone made of the wiki, or leave --commit away',
  );
  // A folder inside another repository: the commit would be that one's.
  if (realpathSync(root.trim()) !== realpathSync(wiki.folder))
    throw new UserError(`${wiki.folder} is a folder inside the checkout ${root.trim()}`, {
      hint: 'give the root of the checkout to --wiki, or leave --commit away',
    });
  const hint = 'look at `git status` in the wiki; the files are written';
  await must(wiki, ['add', '--', ...files], 'git add failed', hint);
  const changes = await must(
    wiki,
    ['status', '--porcelain', '--', ...files],
    'git status failed',
    hint,
  );
  if (changes.trim() === '') return false;
  await must(
    wiki,
    ['commit', '--quiet', '-m', message, '--', ...files],
    'git commit failed',
    'does git know your name and address (git config user.name, user.email)? The files are written',
  );
  return true;
}

/** Pushes; where somebody else pushed meanwhile, once more upon their commits. @throws UserError */
export async function pushWiki(wiki: Wiki): Promise<void> {
  if ((await git(wiki, ['push', '--quiet'])).ok) return;
  const pulled = await git(wiki, ['pull', '--quiet', '--rebase', '--autostash']);
  if (!pulled.ok) await git(wiki, ['rebase', '--abort']);
  await must(
    wiki,
    ['push', '--quiet'],
    'git push failed',
    'the commit is there: look at `git status` and at the rights to push, then push it by hand',
  );
}
