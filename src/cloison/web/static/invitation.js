// A code that was handed over becomes the account's first passkey.

import { begin, element, onSubmit } from './page.js';
import { posted, registered } from './passkey.js';

onSubmit('redeem', async () => {
  const code = element('code').value.trim();
  const invited = await posted('/v1/invitations/options', { code });
  const credential = await registered(invited.publicKey);
  await posted('/v1/invitations/redeem', { code, ceremony: invited.ceremony, credential });
  element('redeem').reset();
  element('redeem').hidden = true;
  element('account').textContent = invited.account;
  element('done').hidden = false;
  begin('done-title');
});
