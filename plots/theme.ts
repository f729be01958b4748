/**
 * Light and dark: charts are built in the colours of the light theme, and each of these has its counterpart on a dark ground, of the same
 * hue and with as much contrast. Pure.
 */
import { COLOUR } from './colours.ts';

export const THEMES = ['light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

type Look = {
  paper: string;
  ink: string;
  inkSoft: string;
  grid: string;
  alert: string;
  /**
   * Of a heat map, from few to many. Sequential, of even steps in lightness, and safe for any colour vision (ColorBrewer's YlGnBu, without
   * its palest; in the dark from its darkest on).
   */
  heat: readonly string[];
};

export const LOOKS: Record<Theme, Look> = {
  light: {
    paper: '#ffffff',
    ink: '#1a1a1a',
    inkSoft: '#4d4d4d',
    grid: '#e3e3e3',
    alert: '#d0021b',
    heat: ['#d6efb3', '#a5dbb7', '#73c8bd', '#41b6c4', '#1d91c0', '#225ea8', '#15296f'],
  },
  dark: {
    paper: '#1a1a1a',
    ink: '#ececec',
    inkSoft: '#b8b8b8',
    grid: '#3a3a3a',
    alert: '#ff6b75',
    heat: ['#24408c', '#2460a8', '#1d8abd', '#41b6c4', '#7fcdbb', '#c0e6b5', '#ffffd9'],
  },
};

const { light, dark } = LOOKS;

/** Of the light theme -> of the dark one. */
const IN_THE_DARK: Readonly<Record<string, string>> = {
  [light.paper]: dark.paper,
  [light.ink]: dark.ink,
  [light.inkSoft]: dark.inkSoft,
  [light.grid]: dark.grid,
  [light.alert]: dark.alert,
  [COLOUR.black]: '#f5f5f5',
  [COLOUR.accepted]: '#3f88b5',
  [COLOUR.vermillion]: '#f2793a',
  [COLOUR.blue]: '#4aa8ef',
  [COLOUR.green]: '#22c296',
  [COLOUR.grey]: '#9a9a9a',
  '#c9c9c9': '#5a5a5a',
};

const ofDark = (colour: string): string => IN_THE_DARK[colour] ?? colour;
/** `#rrggbb`, or the same with its opacity. */
const COLOUR_OF_7 = /^#[0-9a-f]{6}([0-9a-f]{2})?$/;

function recoloured(value: unknown): unknown {
  if (typeof value === 'string')
    return COLOUR_OF_7.test(value) ? ofDark(value.slice(0, 7)) + value.slice(7) : value;
  if (Array.isArray(value)) return value.map(recoloured);
  if (
    typeof value !== 'object' ||
    value === null ||
    Object.getPrototypeOf(value) !== Object.prototype
  )
    return value;
  return Object.fromEntries(
    // Points are thousands, and have no colour.
    Object.entries(value).map(([key, inner]) => [key, key === 'data' ? inner : recoloured(inner)]),
  );
}

/** The configuration in the colours of a theme. */
export function themed<Config extends { data: { datasets: unknown[] }; options?: object }>(
  config: Config,
  theme: Theme,
): Config {
  const options = { ...config.options, theme };
  if (theme === 'light') return { ...config, options };
  return {
    ...config,
    data: { ...config.data, datasets: config.data.datasets.map(recoloured) },
    options: recoloured(options) as object,
  };
}

/** How a chart that is being drawn looks: its own plugins ask. */
export function lookOf(chart: object): Look {
  const { config } = chart as { config: { options?: { theme?: Theme } } };
  return LOOKS[config.options?.theme ?? 'light'];
}
