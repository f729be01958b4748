/** Colours of Okabe and Ito (Color Universal Design, 2008), which people with any colour vision can tell apart. */
export const COLOUR = {
  accepted: '#56b4e9',
  vermillion: '#d55e00',
  black: '#000000',
  orange: '#e69f00',
  purple: '#cc79a7',
  yellow: '#f0e442',
  green: '#009e73',
  blue: '#0072b2',
  grey: '#8c8c8c',
} as const;
