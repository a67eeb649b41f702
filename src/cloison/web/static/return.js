// Back from a provider: what it sent along, and what waited here, become a session of this door or a code for the desk.

import { nextKey, signedFetch } from './device.js';
import { enter } from './door.js';
import { run } from './page.js';
import { sentBack } from './provider.js';

run(async () => {
  const body = await sentBack();
  await enter(await signedFetch('/v1/signin/provider/return', { method: 'POST', body, held: { key: await nextKey() } }));
});
