// A code that was handed over becomes the account's first passkey, or links an identity elsewhere in its place.

import { here } from './door.js';
import { begin, element, onSubmit } from './page.js';
import { posted, registered } from './passkey.js';
import { leaveFor, onProvider } from './provider.js';

const form = element('redeem');
const given = () => element('code').value.trim();

onSubmit('redeem', async () => {
  const code = given();
  const invited = await posted('/v1/invitations/options', { code });
  const credential = await registered(invited.publicKey);
  await posted('/v1/invitations/redeem', { code, ceremony: invited.ceremony, credential });
  form.reset();
  form.hidden = true;
  element('account').textContent = invited.account;
  element('done').hidden = false;
  begin('done-title');
});

onProvider(async (provider) => {
  if (!form.reportValidity()) return;
  await leaveFor(provider, { ...await here(), invitation: given() });
  form.reset(); // nobody who steps back to this page finds the code
});
