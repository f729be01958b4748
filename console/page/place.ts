/** Places of the page as fragments of its address, and back. Pure. */

export type Place =
  | { view: 'runs' }
  | { view: 'new'; again?: string }
  | { view: 'run'; id: string }
  | { view: 'compare'; base: string; run: string }
  | { view: 'e2e' }
  | { view: 'e2e-new'; again?: string }
  | { view: 'e2e-run'; id: string };

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
    case 'e2e':
      return '#/e2e';
    case 'e2e-new':
      return place.again === undefined ? '#/e2e/new' : `#/e2e/new/${enc(place.again)}`;
    case 'e2e-run':
      return `#/e2e/runs/${enc(place.id)}`;
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
  if (view === 'e2e' && first === 'new')
    return second === '' ? { view: 'e2e-new' } : { view: 'e2e-new', again: second };
  if (view === 'e2e' && first === 'runs' && second !== '') return { view: 'e2e-run', id: second };
  return { view: view === 'e2e' ? 'e2e' : 'runs' };
}
