// Signing in: here, or for the desk, whose page sent the thumbprint of its key and gets a code for that key.

import { Problem } from './device.js';
import { element, onClick, run, show, tell, word } from './page.js';
import { codeFor, signIn } from './passkey.js';

const asked = new URLSearchParams(location.search);
const forDesk = asked.has('door') || asked.has('jkt');
const jkt = asked.get('jkt') ?? '';

async function enter() {
  tell(word('waiting'));
  if (!forDesk) {
    await signIn();
    location.assign('/account');
    return;
  }
  const code = await codeFor(jkt, 'desk');
  location.replace(`${word('desk')}/#code=${encodeURIComponent(code)}`); // there, and nowhere that an address names
}

if (forDesk && (asked.get('door') !== 'desk' || !/^[A-Za-z0-9_-]{43}$/.test(jkt))) {
  element('touch').disabled = true;
  show(new Problem({ code: 'not_ours' }));
} else {
  element(forDesk ? 'for-desk' : 'for-door').hidden = false;
  onClick('touch', enter);
  // at a counter a change of user is a change of key: nobody looks for a button first
  if (forDesk) run(enter, element('touch'));
}
