// What a sign-in at this door is for, and what it ends in: a session here, or a code for the desk.

import { exchange, nextKey, thumbprint } from './device.js';
import { word } from './page.js';

/** A session of this door, in this browser. */
export const here = async () => ({ jkt: await thumbprint(await nextKey()), door: 'signin' });

/** Go in with a code: to one's account, or to the desk, and nowhere that an address names. Throws Problem. */
export async function enter({ code, door }) {
  if (door === 'desk') {
    location.replace(`${word('desk')}/#code=${encodeURIComponent(code)}`);
  } else {
    await exchange(location.origin, code);
    location.replace('/account');
  }
}
