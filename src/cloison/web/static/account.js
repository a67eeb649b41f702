// One's own account: passkeys, last sign-ins, signing out.

import { forget, kept } from './device.js';
import { element, made, moment, onClick, run, tell, word } from './page.js';
import { asked, registered, touchFor } from './passkey.js';

async function load() {
  const signedIn = await kept('session') !== undefined;
  element('signed-out').hidden = signedIn;
  element('signed-in').hidden = !signedIn;
  if (!signedIn) return;
  try {
    fill(await asked('/v1/account'));
  } catch (error) {
    if (error.code === 'no_session') leave();
    throw error;
  }
}

function fill(member) {
  element('account').textContent = member.account;
  element('organisation').textContent = member.organisation;
  element('role').textContent = word(`role_${member.role}`);
  element('passkeys').replaceChildren(...member.factors.map((_, i) => made('li', word('passkey', { number: i + 1 }))));
  element('signins').replaceChildren(...member.signins.map(row));
}

function row(signin) {
  const state = signin.copied_at ? word('copied', { when: moment(signin.copied_at) }) : word(signin.live ? 'live' : 'over');
  const cells = [moment(signin.begun_at), moment(signin.seen_at), word(`door_${signin.door}`), state];
  return made('tr', '', ...cells.map((text) => made('td', text)));
}

function leave() {
  element('signed-in').hidden = true;
  element('signed-out').hidden = false;
}

async function signOut(everywhere) {
  await asked('/v1/signout', { method: 'POST', body: { everywhere } });
  await forget('session');
  leave();
  tell(word('ended'));
}

onClick('add', async () => {
  const { session } = await kept('session');
  const begun = await asked('/v1/account/factors/options', { method: 'POST', body: {} });
  await touchFor(session); // an old passkey first: the new one may be plugged in afterwards
  const credential = await registered(begun.publicKey);
  await asked('/v1/account/factors', { method: 'POST', body: { ceremony: begun.ceremony, credential } });
  await load();
  tell(word('added'));
});
onClick('touch', async () => {
  await touchFor((await kept('session')).session);
  tell(word('touched'));
});
onClick('sign-out', () => signOut(false));
onClick('sign-out-everywhere', () => signOut(true));

run(load);
