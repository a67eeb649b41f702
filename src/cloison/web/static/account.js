// One's own account: passkeys, last sign-ins, signing out.

import { forget, kept } from './device.js';
import { begin, button, element, made, moment, onClick, run, tell, word } from './page.js';
import { asked, askedWithTouch, registered, touchFor } from './passkey.js';

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
  const passkeys = member.factors;
  element('passkeys').replaceChildren(...passkeys.map((passkey, i) => shown(passkey, i + 1, passkeys.length > 1)));
  element('last-passkey').hidden = passkeys.length !== 1;
  element('no-passkey').hidden = passkeys.length > 0;
  for (const id of ['with-passkey', 'by-touch']) element(id).hidden = passkeys.length === 0; // both begin with a touch
  element('signins').replaceChildren(...member.signins.map(row));
}

function shown({ factor, added_at: added, used_at: used }, number, removable) {
  const values = { number, added: moment(added), used: used ? moment(used) : '' };
  const line = made('li', `${used ? word('passkey', values) : word('unused', values)} `);
  if (removable) line.append(button(word('remove', { number }), () => remove(factor, number)));
  return line;
}

async function remove(factor, number) {
  if (!confirm(word('surely', { number }))) return;
  await askedWithTouch(`/v1/account/factors/${factor}/remove`, { method: 'POST', body: {} });
  try {
    await load();
    begin('passkeys-title'); // the button that was used is gone
    tell(word('removed'));
  } catch (error) {
    if (error.code !== 'no_session') throw error;
    tell(word('removed_own')); // the session had begun with it
  }
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
