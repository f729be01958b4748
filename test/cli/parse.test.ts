import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configSchema } from '../../cli/config-file.ts';
import fc from 'fast-check';
import type { Command } from '../../cli/command.ts';
import { describeError } from '../../cli/describe-error.ts';
import { HelpRequested, optionRecord, parseCommandLine } from '../../cli/parse.ts';
import { durationText, parseDuration } from '../../system/duration.ts';
import { parseInstant } from '../../system/instant.ts';
import { GROUP_HEADINGS, helpText } from '../../cli/help.ts';
import { COMMANDS } from '../../cli/commands.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const command: Command = {
  name: 'load',
  summary: 'a command for these tests',
  options: [
    {
      name: 'vus',
      type: 'integer',
      default: '100',
      env: 'T_VUS',
      min: 1,
      max: 1000,
      help: 'users',
    },
    { name: 'duration', type: 'duration', default: '1m', min: 1000, help: 'how long' },
    { name: 'target', type: 'url', help: 'where to' },
    { name: 'share', type: 'number', min: 0, max: 1, help: 'a share' },
    {
      name: 'order',
      type: 'choice',
      choices: ['sequence', 'random'],
      default: 'sequence',
      help: 'o',
    },
    { name: 'allow-remote', type: 'flag', env: 'T_REMOTE', help: 'a flag' },
    { name: 'config', type: 'path', env: 'T_CONFIG', help: 'a file of options' },
    { name: 'scenario', type: 'choice', choices: ['plain', 'long'], default: 'plain', help: 's' },
    { name: 'out', type: 'path', help: 'a file' },
    { name: 'label', type: 'text', repeatable: true, help: 'many' },
  ],
  presets: { long: { duration: '1h', vus: '3' } },
  run: () => Promise.resolve(0),
};

const parse = (args: string[], env: NodeJS.ProcessEnv = {}) => parseCommandLine(command, args, env);

function problemsOf(args: string[], env: NodeJS.ProcessEnv = {}): string[] {
  try {
    parse(args, env);
  } catch (error) {
    assert.ok(error instanceof UserError);
    assert.equal(error.exitCode, 2);
    assert.match(error.hint, /npm run load -- --help/);
    return error.message.split('\n');
  }
  return [];
}

test('defaults, environment and flags, in rising order of precedence', () => {
  assert.equal(parse([]).values.vus, 100);
  assert.equal(parse([]).sources.vus, 'default');
  assert.equal(parse([], { T_VUS: '7' }).values.vus, 7);
  assert.equal(parse([], { T_VUS: '7' }).sources.vus, 'environment');
  const both = parse(['--vus', '8'], { T_VUS: '7' });
  assert.equal(both.values.vus, 8);
  assert.equal(both.sources.vus, 'flag');
});

test('types come out as values', () => {
  const { values } = parse([
    '--duration=90s', '--target', 'http://[::1]:8080', '--share', '0.5', '--order', 'random',
    '--allow-remote', '--label', 'a', '--label', 'b',
  ]); // prettier-ignore
  assert.deepEqual(values, {
    vus: 100,
    scenario: 'plain',
    duration: 90_000,
    target: 'http://[::1]:8080',
    share: 0.5,
    order: 'random',
    'allow-remote': true,
    label: ['a', 'b'],
  });
});

test('flags in the environment are 1 or 0', () => {
  assert.equal(parse([], { T_REMOTE: '1' }).values['allow-remote'], true);
  assert.equal(parse([], { T_REMOTE: 'no' }).values['allow-remote'], false);
  assert.deepEqual(problemsOf([], { T_REMOTE: 'perhaps' }), [
    'T_REMOTE must be 1 or 0, but is "perhaps"',
  ]);
});

for (const [args, problem] of [
  [['--vus', '0'], '--vus must be a whole number from 1 to 1000, but is "0"'],
  [['--vus', 'abc'], '--vus must be a whole number from 1 to 1000, but is "abc"'],
  [['--vus', '-5'], '--vus must be a whole number from 1 to 1000, but is "-5"'],
  [['--vus', '1e3'], '--vus must be a whole number from 1 to 1000, but is "1e3"'],
  [['--duration', '1x'], '--duration must be a duration such as 90s, 1m30s or 2h, but is "1x"'],
  [['--duration', '60'], '--duration must be a duration such as 90s, 1m30s or 2h, but is "60"'],
  [['--duration', '5ms'], '--duration must be at least 1s, but is "5ms"'],
  [
    ['--target', 'localhost'],
    '--target must be a URL such as http://127.0.0.1:8080, but is "localhost"',
  ],
  [
    ['--target', 'ftp://x'],
    '--target must be a URL such as http://127.0.0.1:8080, but is "ftp://x"',
  ],
  [['--share', '2'], '--share must be a number from 0 to 1, but is "2"'],
  [['--order', 'odd'], '--order must be one of sequence, random, but is "odd"'],
  [['stray'], '"stray" belongs to no option'],
  [['--vsu', '5'], "unknown option '--vsu' (did you mean --vus?)"],
  [['--vus'], '--vus needs a value: --vus=value'],
  [['--vus='], '--vus must be a whole number from 1 to 1000, but is ""'],
  [['--label', '--allow-remote'], '--label needs a value: --label=value'],
  [['--allow-remote=1'], '--allow-remote takes no value, but was given "1"'],
  [['--share', '0x1'], '--share must be a number from 0 to 1, but is "0x1"'],
  [['-v'], "unknown option '-v'"],
  [['--nothing-like-it'], "unknown option '--nothing-like-it'"],
  [
    ['--vsu=5', 'stray'],
    'unknown option \'--vsu\' (did you mean --vus?)\n"stray" belongs to no option',
  ],
] as const)
  test(`${args.join(' ')} is refused with its cause`, () => {
    assert.deepEqual(problemsOf([...args]), problem.split('\n'));
  });

test('all problems are reported at once', () => {
  assert.deepEqual(
    problemsOf(['--vsu', '5', '--durration', '1m', '--order', 'odd', '--vus', 'x', '--share']),
    [
      '--share needs a value: --share=value',
      "unknown option '--vsu' (did you mean --vus?)",
      "unknown option '--durration' (did you mean --duration?)",
      '--vus must be a whole number from 1 to 1000, but is "x"',
      '--order must be one of sequence, random, but is "odd"',
    ],
  );
});

test('a wrong variable is named, not the flag that was not given', () => {
  assert.deepEqual(problemsOf([], { T_VUS: 'many' }), [
    'T_VUS must be a whole number from 1 to 1000, but is "many"',
  ]);
});

const helpOf = (one: Command, args = ['--help']): string => {
  try {
    parseCommandLine(one, args, {});
  } catch (error) {
    if (error instanceof HelpRequested) return error.text;
    throw error;
  }
  return assert.fail('no help was shown');
};

test('--help carries name, default and variable of each option, and beats every problem', () => {
  for (const args of [['--help'], ['-h'], ['--vsu', '5', 'x', '--help'], ['--vus', '--help']])
    assert.match(
      helpOf(command, args).replace(/\n +/g, ' '),
      /--vus <value> +users \(default 100; or T_VUS in the environment\)/,
    );
});

test('the help has groups, in one order whatever the order of the options', () => {
  const option = (name: string, group?: string) =>
    ({ name, type: 'flag', help: name, ...(group && { group }) }) as const;
  const groups = Object.keys(GROUP_HEADINGS);
  const options = [
    option('plain'),
    ...groups.map((group) => option(`of-${group}`, group)).reverse(),
  ];
  const help = helpOf({ ...command, options: [...options, option('more', 'target')] });
  const headings = [...help.matchAll(/^(\S.*):$/gm)].map(([, heading]) => heading);
  assert.deepEqual(headings, [
    'What is sent', 'Pace', 'Target', 'Producers', 'Storage', 'Monitor', 'Faults on purpose', 'Gates', 'Output', 'Options',
  ]); // prettier-ignore
  assert.match(help, /\nTarget:\n +--of-target .*\n +--more /);
  assert.match(help, /\nOptions:\n +--plain .*\n +-h, --help /);
});

test('every group of every command has a heading, or is one', async () => {
  for (const load of Object.values(COMMANDS))
    for (const { name, group } of (await load()).options)
      assert.ok(
        group === undefined || Object.hasOwn(GROUP_HEADINGS, group) || /^[A-Z]/.test(group),
        `${name}: ${group}`,
      );
});

test('a flag whose name begins with no- is a flag like any other', () => {
  const options = [{ name: 'no-verify', type: 'flag', help: 'h' }] as const;
  const read = (args: string[]) => parseCommandLine({ ...command, options }, args, {}).values;
  assert.deepEqual(read(['--no-verify']), { 'no-verify': true });
  assert.deepEqual(read([]), { 'no-verify': false });
});

test('a variable that is set but empty is not set', () => {
  const env = { T_VUS: '', T_REMOTE: '', T_CONFIG: '' };
  assert.deepEqual(parse([], env), parse([]));
  assert.equal(parse(['--config', fileOf('vus: 7\n')], env).values.vus, 7);
  assert.deepEqual(problemsOf(['--label', '']), ['--label must not be empty']);
});

test('moments: a zone, else UTC; no words and no days that a month does not have', () => {
  const utc = Date.UTC(2026, 8, 3, 15, 8, 48);
  for (const text of [
    '2026-09-03T15:08:48Z',
    '2026-09-03 15:08:48',
    '2026-09-03T17:08:48+02:00',
    '2026-09-03 15:08:48.0+0000',
    '2026-09-03t11:08:48-04',
  ])
    assert.equal(parseInstant(text), utc, text);
  assert.equal(parseInstant('2026-09-03'), Date.UTC(2026, 8, 3));
  assert.equal(parseInstant('2026-09-03T15:08'), Date.UTC(2026, 8, 3, 15, 8));
  assert.equal(parseInstant('1970-01-01T00:00:01.000250Z'), 1000.25);
  for (const text of [
    '7',
    'batch 7',
    '2026',
    '2026-02-30',
    '2026-09-03T24:00:00Z',
    '2026-13-01',
    'now',
    '1788448128',
    '2026-09-03T15:08:48+24:00',
  ])
    // prettier-ignore
    assert.equal(parseInstant(text), null, text);
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }),
      (date) => {
        assert.equal(parseInstant(date.toISOString()), date.getTime());
      },
    ),
  );
});

test('an address that is refused is shown without its password', () => {
  for (const text of ['ftp://u:geheim@h', 'u:geh/eim@h', 'http://u:geheim@h:99999'])
    assert.deepEqual(
      problemsOf(['--target', text]).map((problem) => /geh|eim/.test(problem)),
      [false],
    );
});

test('a number with a unit after an option is its value, also below 0', () => {
  assert.deepEqual(problemsOf(['--duration', '-5s']), [
    '--duration must be a duration such as 90s, 1m30s or 2h, but is "-5s"',
  ]);
  assert.deepEqual(problemsOf(['--vus', '--duration', '1m']), ['--vus needs a value: --vus=value']);
});

test('what the user names is no fault of the toolkit', () => {
  for (const [code, exitCode] of [
    ['ENOTDIR', 2],
    ['EACCES', 5],
    ['ENOSPC', 5],
  ] as const) {
    const described = describeError(Object.assign(new Error(`${code}: no, open '/x'`), { code }));
    assert.equal(described.exitCode, exitCode);
    assert.match(
      described.text,
      /^error: a file could not be written or opened: .*\nwhat to do: \w/,
    );
  }
});

test('no line of any help is longer than 80 characters', async () => {
  for (const name of Object.keys(COMMANDS)) {
    const loaded = await COMMANDS[name]();
    const parts = await Promise.all(Object.values(loaded.parts ?? {}).map((part) => part()));
    for (const one of [loaded, ...parts]) {
      const lines = helpText(one).split('\n');
      assert.ok(lines.length > 5, one.name);
      assert.deepEqual(
        lines.filter((line) => line.length > 80),
        [],
      );
    }
  }
});

test('durations: written and read back', () => {
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('1.5s'), 1500);
  for (const wrong of ['', '5', 's', '1 s', '-1s', '1s1', 'NaN', '1e3s'])
    assert.equal(parseDuration(wrong), null, wrong);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (ms) => {
      assert.equal(parseDuration(durationText(ms)), ms);
    }),
  );
});

test('any words either parse or give a UserError, never another error', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '--vus',
      '--duration',
      '--allow-remote',
      '--label',
      '--',
      '-',
      '--vus=',
      '-v',
      '1',
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      try {
        parse(words);
      } catch (error) {
        assert.ok(error instanceof UserError || error instanceof HelpRequested, String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('relative paths are meant from where the user stands', () => {
  const env = { npm_command: 'run-script', INIT_CWD: '/somewhere/below' };
  assert.equal(parse(['--out', 'x/y.txt'], env).values.out, '/somewhere/below/x/y.txt');
  assert.equal(parse(['--out', '/abs'], env).values.out, '/abs');
  assert.equal(parse(['--out', '-'], env).values.out, '-');
  assert.deepEqual(problemsOf(['--out', '']), ['--out must not be empty']);
});

test('a plan keeps options as the user would write them', () => {
  const { values, sources } = parse(['--duration', '90s', '--label', 'a', '--label', 'b']);
  const record = optionRecord(command.options, values, sources);
  assert.deepEqual(record.duration, { value: '1m30s', source: 'flag' });
  assert.deepEqual(record.label, { value: 'a, b', values: ['a', 'b'], source: 'flag' });
  assert.deepEqual(record.target, { value: null, source: 'default' });
  assert.deepEqual(record['allow-remote'], { value: false, source: 'default' });
});

const scratch = scratchFolder();
let files = 0;
function fileOf(text: string | Buffer): string {
  const path = join(scratch, `options-${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

test('a scenario has defaults of its own, below everything that the user says', () => {
  const { values, sources } = parse(['--scenario', 'long', '--vus', '9']);
  assert.deepEqual([values.duration, sources.duration], [3_600_000, 'scenario']);
  assert.deepEqual([values.vus, sources.vus], [9, 'flag']);
  assert.equal(parse([]).values.duration, 60_000);
});

test('a config file stands between environment and scenario', () => {
  const path = fileOf(
    'scenario: long\nvus: 7\nduration: 2m\nallow-remote: true\nlabel: [x, 2]\nout: there.txt\n',
  );
  const { values, sources } = parse(['--config', path, '--duration', '5s'], { T_VUS: '8' });
  assert.deepEqual([values.vus, sources.vus], [8, 'environment']);
  assert.deepEqual([values.duration, sources.duration], [5000, 'flag']);
  assert.deepEqual([values['allow-remote'], sources['allow-remote']], [true, 'file']);
  assert.deepEqual(values.label, ['x', '2']);
  assert.equal(values.scenario, 'long');
  assert.equal(values.out, join(path, '..', 'there.txt'), 'paths are meant from the file');
  assert.equal(parse([], { T_CONFIG: path }).values.vus, 7);
});

test('JSON is read as well, with its $schema passed over', () => {
  const { values } = parse(['--config', fileOf('{"$schema": "x.json", "vus": 12}')]);
  assert.equal(values.vus, 12);
});

test('what is wrong in a config file is reported with file, line and name, all at once', () => {
  const path = fileOf('vus: many\nduratoin: 1m\norder: [a]\nlabel: [x, {y: 1}]\nsomething: 1\n');
  assert.deepEqual(problemsOf(['--config', path, '--share', '7']), [
    `${path}, line 2: there is no option "duratoin" (did you mean duration?)`,
    `${path}, line 3: order must be one value, but is [a]`,
    `${path}, line 4: label must be a value or a list of values, but is [x, {y: 1}]`,
    `${path}, line 5: there is no option "something"`,
    `${path}, line 1: vus must be a whole number from 1 to 1000, but is "many"`,
    '--share must be a number from 0 to 1, but is "7"',
  ]);
  for (const [text, problem] of [
    ['vus: 1\nduration: [1m\n', /options-\d+\.yaml, line [23]: /],
    ['- a', /must hold options such as/],
    ['plain words', /must hold options such as/],
    ['vus: 1\n---\nvus: 2\n', /, line [23]: a second document begins; options stand in one$/],
    ['vus: 1\nlabel: x\nvus: 2\n', /, line 3: an option stands there for a second time$/],
    ['{"vus": 1,\n"vus": 2}', /, line 2: an option stands there for a second time$/],
    [Buffer.from('ff fe 76 00 75 00'.replaceAll(' ', ''), 'hex'), /is no text \(UTF-8\)$/],
    ['a: '.padEnd(1_000_002, 'x'), /is larger than 1,000,000 bytes$/],
    [`label: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, /nested too deeply$/],
  ] as const)
    assert.match(problemsOf(['--config', fileOf(text)]).join('\n'), problem);
  assert.match(problemsOf(['--config', '/no/such/file'])[0], /cannot be read \(ENOENT\)/);
});

test('values of a file reach an option as they were written', () => {
  const written = [
    '1.10',
    '0012',
    '1e3',
    'yes',
    'off',
    '2026-01-02',
    '0x1F',
    '1_000',
    '010',
    '.5',
    '12:30:00',
  ];
  const list = fileOf(`label: [${written.join(', ')}]\n`);
  assert.deepEqual(parse(['--config', list]).values.label, written);
  const lines = fileOf(`label:\n${written.map((text) => `  - ${text}\n`).join('')}`);
  assert.deepEqual(parse(['--config', lines]).values.label, written);
  const quoted = fileOf(`{"label": ${JSON.stringify([...written, 'null', '~', 'a\nb'])}}`);
  assert.deepEqual(parse(['--config', quoted]).values.label, [...written, 'null', '~', 'a\nb']);
  assert.equal(parse(['--config', fileOf('allow-remote: yes\n')]).values['allow-remote'], true);
  assert.equal(
    parse(['--config', fileOf('{"allow-remote": false}')]).values['allow-remote'],
    false,
  );
  for (const nothing of ['vus:\n', 'vus: null\n', 'vus: ~\n', '', '# only this\n', '~'])
    assert.deepEqual(parse(['--config', fileOf(nothing)]).values.vus, 100, nothing);
});

test('aliases are followed, and a bomb of them is refused at once', () => {
  const path = fileOf('vus: &many 7\nscenario: long\nlabel: [*many, a, &b bee, *b]\n');
  assert.deepEqual(parse(['--config', path]).values.label, ['7', 'a', 'bee', 'bee']);
  const bomb = ['label: &a0 [x, x]'];
  for (let i = 1; i < 40; i++) bomb.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(20)}*a${i - 1}]`);
  const problems = problemsOf(['--config', fileOf(`${bomb.join('\n')}\norder: *a39\n`)]);
  assert.equal(problems.length, 40);
  assert.match(problems[0], /, line 2: there is no option "a1"$/);
  assert.match(problems[39], /, line 41: order must be one value, but is \*a39$/);
});

test('a config file that waits for ever or never ends is refused', (t) => {
  if (process.platform === 'win32') return t.skip('no such files');
  const pipe = join(scratch, 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.deepEqual(problemsOf(['--config', pipe]), [`--config ${pipe} is a pipe, not a file`]);
  assert.deepEqual(problemsOf([], { T_CONFIG: '/dev/zero' }), [
    '--config /dev/zero is a device, not a file',
  ]);
});

test('the schema for editors knows every option', () => {
  const schema = configSchema(command) as { properties: Record<string, object> };
  assert.deepEqual(
    Object.keys(schema.properties).sort(),
    ['$schema', ...command.options.map(({ name }) => name).filter((n) => n !== 'config')].sort(),
  );
  assert.deepEqual(schema.properties.vus, {
    description: 'users', type: 'integer', minimum: 1, maximum: 1000,
  }); // prettier-ignore
});
