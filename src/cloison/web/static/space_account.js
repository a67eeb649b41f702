// One's own login: last sign-ins, passkeys, password and phone, signing out.

import { Problem, forget, kept } from './device.js';
import { begin, button, element, made, moment, onClick, onSubmit, run, tell, word } from './page.js';
import { asked, registered } from './passkey.js';
import { chosen, emptied, forgetMark, offer, showable } from './space.js';

const post = (path, body = {}) => mine(path, { method: 'POST', body });
const enrolment = () => post('/v1/login/options');

async function load() {
  if (await kept('session') === undefined) leave();
  else fill(await mine('/v1/login'));
}

/** What the door answers; a session that is over leaves nothing in the page. Throws Problem. */
async function mine(path, options) {
  try {
    return await asked(path, options);
  } catch (error) {
    if (error.code === 'no_session' || error.code === 'signed_out') leave();
    throw error;
  }
}

function fill({ fresh, passkeys, by_password: byPassword, by_provider: byProvider, signins }) {
  element('signed-in').hidden = false;
  element('signed-out').hidden = true;
  element('signins').replaceChildren(...signins.map((signin) => made('li', told(signin))));
  element('passkeys').replaceChildren(...passkeys.map((passkey, i) => shown(passkey, i + 1, fresh)));
  element('no-passkey').hidden = passkeys.length > 0;
  element('with-password').hidden = !byPassword;
  element('no-password').hidden = byPassword;
  element('with-provider').hidden = !byProvider;
  element('stale').hidden = fresh;
  element('changes').hidden = !fresh;
}

function told({ begun_at: begun, seen_at: seen, way, live, copied_at: copied }) {
  const state = copied ? word('copied', { when: moment(copied) }) : word(live ? 'live' : 'over');
  return word('signin', { begun: moment(begun), way: word(`way_${way}`), state, seen: moment(seen) });
}

function shown({ factor, added_at: added, used_at: used }, number, fresh) {
  const values = { number, added: moment(added), used: used ? moment(used) : '' };
  const line = made('li', `${used ? word('passkey', values) : word('unused', values)} `);
  if (fresh) line.append(button(word('remove', { number }), () => remove(factor, number)));
  return line;
}

/** Change how one signs in; where the sign-in is too long ago the page says what to do, and keeps what was typed. */
async function changing(change, done) {
  try {
    await change();
  } catch (error) {
    if (error.code !== 'step_up') throw error;
    element('stale').hidden = false;
    throw new Problem({ code: 'step_up' });
  }
  await load();
  begin('ways-title'); // the button that was used may be gone
  tell(word(done));
}

async function remove(factor, number) {
  if (!confirm(word('surely', { number }))) return;
  await changing(() => post(`/v1/login/passkeys/${factor}/remove`), 'removed');
}

function leave() {
  for (const id of ['signins', 'passkeys']) element(id).replaceChildren();
  emptied('change', 'new-password');
  element('signed-in').hidden = true;
  element('signed-out').hidden = false;
}

async function signOut(everywhere) {
  const { sessions } = await post('/v1/signout', { everywhere });
  await forget('session');
  if (everywhere) await forgetMark();
  leave();
  tell(word(everywhere ? 'ended_everywhere' : 'ended', { sessions }));
}

showable('new-password');
onClick('add', () => changing(async () => {
  const { passkey } = await enrolment();
  tell(word('waiting'));
  await post('/v1/login/passkeys', { ceremony: passkey.ceremony, credential: await registered(passkey.publicKey) });
}, 'added'));
onClick('other', async () => {
  offer((await enrolment()).phone);
  element('change').hidden = false;
  begin('change-title');
});
onSubmit('change', () => changing(async () => {
  const again = async () => (await enrolment()).phone;
  await chosen((password) => post('/v1/login/password', { name: element('name').value, password }), again);
  emptied('change', 'new-password');
  element('change').hidden = true;
}, 'changed'));
onClick('sign-out', () => signOut(false));
onClick('sign-out-everywhere', () => signOut(true));

run(load);
