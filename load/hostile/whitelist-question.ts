/** Which of the hostile producers a target lets in: asked before the first case, of targets whose whitelist is not ours. */
import { type HostileContext, WHITELIST_ANSWERS, whitelistQuestion } from './cases.ts';
import type { Member } from './material.ts';
import { matches, type Came } from './script.ts';

export type WhitelistAnswer = {
  /** `unknown`: what came says nothing. */
  whitelist: HostileContext['whitelist'];
  /** Of the material's members those that are let in; all of them unless the whitelist is on. */
  listed: readonly Member[];
};

/**
 * One question for the outsider, whom no whitelist can hold; where it is refused, one for each member, one after another. None of
 * them is taken, and none counts for an hourly limit.
 * @param ask sends a request; null: nothing came
 */
export async function askWhitelist(
  context: HostileContext,
  ask: (request: Uint8Array) => Promise<Came | null>,
): Promise<WhitelistAnswer> {
  const { material } = context;
  const { members, outsider } = material;
  const isListed = async (member: Member): Promise<boolean | null> => {
    const came = await ask(whitelistQuestion(context, member));
    if (came === null) return null;
    if (matches(WHITELIST_ANSWERS.unlisted(member), came)) return false;
    return matches(WHITELIST_ANSWERS.listed, came) ? true : null;
  };
  const isOpen = await isListed(outsider);
  if (isOpen !== false) return { whitelist: isOpen === true ? 'off' : 'unknown', listed: members };
  const listed: Member[] = [];
  // Who gets no clear answer is not known to be missing: its cases show what is wrong.
  for (const member of members) if ((await isListed(member)) !== false) listed.push(member);
  return { whitelist: 'on', listed };
}
