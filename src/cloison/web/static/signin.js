// Signing in: here, or for the desk, whose page sent the thumbprint of its key and gets a code for that key.

import { Problem } from './device.js';
import { enter, here } from './door.js';
import { element, onClick, run, tell, word } from './page.js';
import { codeFor } from './passkey.js';
import { leaveFor, onProvider } from './provider.js';

const asked = new URLSearchParams(location.search);
const forDesk = asked.has('door') || asked.has('jkt');
const jkt = asked.get('jkt') ?? '';
const buttons = document.querySelectorAll('main button');

const wanted = async () => (forDesk ? { jkt, door: 'desk' } : here());

async function refuse() {
  throw new Problem({ code: 'not_ours' });
}

async function byPasskey() {
  tell(word('waiting'));
  const { jkt: key, door } = await wanted();
  await enter({ code: await codeFor(key, door), door });
}

if (forDesk && (asked.get('door') !== 'desk' || !/^[A-Za-z0-9_-]{43}$/.test(jkt))) {
  for (const button of buttons) button.disabled = true;
  run(refuse);
} else {
  element(forDesk ? 'for-desk' : 'for-door').hidden = false;
  onClick('touch', byPasskey);
  onProvider(async (provider) => leaveFor(provider, await wanted()));
  // At a counter a change of user is a change of key: nobody looks for a button first, unless there is a choice.
  if (forDesk && buttons.length === 1) run(byPasskey, element('touch'));
}
