// Back from a provider: what it sent along, and what waited here, become a session.

import { Problem } from './device.js';
import { run } from './page.js';
import { begin, waited } from './space.js';

const sent = new URLSearchParams(location.search);
const provider = location.pathname.split('/').at(-1);
history.replaceState(null, '', location.pathname); // it is good once, and for this device: no history needs it

run(async () => {
  const body = { provider, invited: await waited() };
  for (const name of ['state', 'code', 'iss', 'error']) {
    if (sent.has(name)) body[name] = sent.get(name);
  }
  try {
    await begin('/v1/signin/provider/return', body);
  } catch (error) {
    if (error.code !== 'not_linked') throw error;
    throw new Problem({ code: 'nobody' });
  }
  location.replace('/account');
});
