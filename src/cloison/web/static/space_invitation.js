// Both halves of a code become a login. The mailed half may come in the address's fragment, and does not stay there.

import { begin, element, onSubmit, tell, word } from './page.js';
import { posted, registered } from './passkey.js';
import { leaveFor } from './provider.js';
import { chosen, emptied, offer, showable } from './space.js';

let passkey = null; // made for this code, and not yet taken, as the other half was wrong

const code = () => element('code').value.trim();
const invited = () => posted('/v1/invitations/options', { code: code() });

function takeFragment() {
  const mailed = new URLSearchParams(location.hash.slice(1)).get('code');
  if (!mailed) return;
  element('code').value = mailed;
  history.replaceState(null, '', location.pathname);
  again();
  element('spoken').focus();
}

function again() {
  passkey = null;
  element('choose').hidden = true;
}

const way = () => document.querySelector('input[name=way]:checked');

function showWay() {
  const shown = { 'password-way': way().value === 'password', 'name-part': way().value !== 'provider' };
  for (const [id, wanted] of Object.entries(shown)) {
    element(id).hidden = !wanted;
    element(id).disabled = !wanted; // what is not shown is not required
  }
}

async function redeem(means) {
  const spoken = element('spoken').value.trim();
  await posted('/v1/invitations/redeem', { code: code(), spoken, name: element('name').value, ...means });
}

async function byPasskey() {
  if (!passkey) {
    const begun = (await invited()).passkey;
    tell(word('waiting'));
    passkey = { ceremony: begun.ceremony, credential: await registered(begun.publicKey) };
  }
  try {
    await redeem({ passkey });
  } catch (error) {
    if (error.code !== 'invitation') passkey = null; // the door takes each answer of a passkey once
    throw error;
  }
}

const byPassword = () => chosen((password) => redeem({ password }), async () => (await invited()).phone);

async function byProvider() {
  await leaveFor(way().dataset.provider, { invitation: code(), spoken: element('spoken').value.trim() });
  element('spoken').value = ''; // nobody who steps back to this page finds both halves
}

takeFragment();
addEventListener('hashchange', takeFragment);
element('code').addEventListener('input', again);
for (const each of document.querySelectorAll('input[name=way]')) each.addEventListener('change', showWay);
showWay(); // a browser that comes back to the page has kept what was chosen
showable('new-password');

onSubmit('halves', async () => {
  passkey = null;
  offer((await invited()).phone);
  element('choose').hidden = false;
  begin('choose-title');
});

onSubmit('make', async () => {
  if (way().value === 'provider') return byProvider();
  await (way().value === 'password' ? byPassword() : byPasskey());
  emptied('make', 'new-password');
  element('halves').reset();
  element('halves').hidden = true;
  element('choose').hidden = true;
  element('done').hidden = false;
  begin('done-title');
});
