/** What the watched processes and databases took. Pure. */
import { SETTLING_MS } from '../../results/growth.ts';
import type { PostgresFigures } from '../../results/postgres-figures.ts';
import type { Summary } from '../../results/types.ts';
import {
  countOf,
  formatBytes,
  formatDuration,
  formatGrowth,
  formatNumber,
  formatShare,
} from '../../results/units.ts';
import { orNoData, paragraph, type Section, table } from '../page.ts';

export function processesSection({ processes }: Summary['figures']): Section {
  const title = { id: 'processes', title: 'CPU and memory' };
  const entries = Object.entries(processes);
  if (entries.length === 0) return { ...title, blocks: [paragraph('No process was watched.')] };
  const cores = (value: number | null) => orNoData(value, formatNumber);
  const growths = entries.flatMap(([, { rssGrowth }]) => rssGrowth ?? []);
  const overMs = growths.reduce((most, growth) => Math.max(most, growth.overMs), 0);
  const hasGrowth = growths.length > 0;
  const rows = entries.map(([name, figures]) => [
    name,
    cores(figures.cpuCoresMean),
    cores(figures.cpuCoresMax),
    orNoData(figures.rssBytesMax, formatBytes),
    ...(hasGrowth ? [orNoData(figures.rssGrowth?.bytesPerMinute ?? null, formatGrowth)] : []),
    formatNumber(figures.readings),
  ]);
  const head = [
    'Process',
    'CPU, mean (cores)',
    'CPU, peak (cores)',
    'Memory, peak (RSS)',
    ...(hasGrowth ? ['Memory growth'] : []),
    'Readings',
  ];
  return {
    ...title,
    blocks: [
      table(head, rows),
      ...(hasGrowth
        ? [
            paragraph(
              `Memory growth is the median slope over ${formatDuration(overMs)}; the first ${formatDuration(SETTLING_MS)}, in which a process fills its caches, are left out.`,
            ),
          ]
        : []),
    ],
  };
}

const DATABASE_ROWS: readonly [
  title: string,
  key: keyof PostgresFigures,
  format: (value: number) => string,
][] = [
  ['Connections', 'connections', formatNumber],
  ['Connections to all databases', 'serverConnections', formatNumber],
  ['Commits per second', 'commitsPerSecond', formatNumber],
  ['Rollbacks per second', 'rollbacksPerSecond', formatNumber],
  ['Rows inserted per second', 'rowsInsertedPerSecond', formatNumber],
  ['Blocks found in buffers', 'blockHitShare', formatShare],
  ['Deadlocks per reading', 'deadlocks', formatNumber],
  ['Bytes of temporary files per second', 'temporaryBytesPerSecond', formatBytes],
  ['Database', 'databaseBytes', formatBytes],
  ['Table submissions', 'submissionsBytes', formatBytes],
];

/** PostgreSQL's own figures, one table a database; nothing when none was watched. */
export function databaseSections(databases: Record<string, PostgresFigures>): Section[] {
  return Object.entries(databases).map(([name, figures]) => {
    const rows = DATABASE_ROWS.flatMap(([title, key, format]) => {
      const figure = figures[key];
      return figure ? [[title, format(figure.mean), format(figure.max)]] : [];
    });
    const most = figures.maxConnections;
    return {
      id: `postgresql-${name}`,
      title: `PostgreSQL ${name}`,
      blocks: [
        table(['Figure', 'Mean', 'Highest'], rows),
        ...(most ? [paragraph(`The server takes ${countOf(most.max, 'connection')}.`)] : []),
      ],
    };
  });
}
