/** Places of the page as fragments of its address, and back. Pure. */

export type Place =
  | { view: 'runs' }
  | { view: 'new'; again?: string }
  | { view: 'run'; id: string }
  | { view: 'compare'; base: string; run: string };

export function hrefOf(place: Place): string {
  const enc = encodeURIComponent;
  switch (place.view) {
    case 'runs':
      return '#/';
    case 'new':
      return place.again === undefined ? '#/new' : `#/new/${enc(place.again)}`;
    case 'run':
      return `#/runs/${enc(place.id)}`;
    case 'compare':
      return `#/compare/${enc(place.base)}/${enc(place.run)}`;
  }
}

export function placeOf(hash: string): Place {
  let parts: string[];
  try {
    parts = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  } catch {
    return { view: 'runs' };
  }
  const [view, first = '', second = ''] = parts;
  if (view === 'new') return first === '' ? { view } : { view, again: first };
  if (view === 'runs' && first !== '') return { view: 'run', id: first };
  if (view === 'compare' && second !== '') return { view, base: first, run: second };
  return { view: 'runs' };
}
