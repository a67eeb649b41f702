// Back from a provider: what it sent along, and what waited here, become a session.

import { Problem } from './device.js';
import { run } from './page.js';
import { sentBack } from './provider.js';
import { begin } from './space.js';

run(async () => {
  try {
    await begin('/v1/signin/provider/return', await sentBack());
  } catch (error) {
    if (error.code !== 'not_linked') throw error;
    throw new Problem({ code: 'nobody' });
  }
  location.replace('/account');
});
