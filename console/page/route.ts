/** Where the page is, in its fragment: a reload and the back button keep it. */
import { useEffect, useState } from 'preact/hooks';
import { hrefOf, type Place, placeOf } from './place.ts';

export const go = (place: Place): void => void (location.hash = hrefOf(place));

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const follow = () => {
      setPlace(placeOf(location.hash));
      scrollTo(0, 0);
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}
