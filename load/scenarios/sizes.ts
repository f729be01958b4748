/** The option of scenarios that send large bodies. */
import type { BodySize } from '../../producers/sized-templates.ts';
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import { parseSizes } from '../parts.ts';
import { inGroup, problemIn } from './options.ts';

export const SIZES_OPTIONS: readonly OptionSpec[] = inGroup('what', [
  {
    name: 'sizes',
    type: 'text',
    argument: 'LIST',
    env: 'MINA_LOAD_SIZES',
    check: (text) => problemIn(parseSizes(text)),
    help: 'sizes of the bodies of big-blocks, one after the other and from the beginning again, such as "17.5KB,1MB,50MB,over" (1 MB is 1,000,000 bytes; over: one byte more than the backend takes, which must be answered 413); in mixed those of its big-blocks',
  },
]);

/** Of values whose --sizes was checked. */
export const sizesOf = ({ sizes }: OptionValues): BodySize[] =>
  parseSizes(sizes as string) as BodySize[];

/** For a dry run. */
export const describeSizes = (sizes: readonly BodySize[]): string =>
  `sizes         ${sizes.map(({ name }) => name).join(', ')}`;
