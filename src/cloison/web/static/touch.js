// A fresh touch for a session of the desk, and back there.

import { Problem } from './device.js';
import { element, onClick, run, tell, word } from './page.js';
import { touchFor } from './passkey.js';

const session = new URLSearchParams(location.search).get('session') ?? '';

if (/^[0-9a-f-]{36}$/.test(session)) {
  // never without a click: whoever did not ask for it at the desk is to read first
  onClick('touch', async () => {
    tell(word('waiting'));
    await touchFor(session);
    location.replace(`${word('desk')}/#touched`);
  });
  run(async () => element('touch').focus());
} else {
  element('touch').disabled = true;
  run(async () => {
    throw new Problem({ code: 'not_ours' });
  });
}
