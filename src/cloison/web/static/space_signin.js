// Signing in to one's own space. What was typed stays where it was until it is right.

import { element, onClick, onSubmit, tell, word } from './page.js';
import { posted, touched } from './passkey.js';
import { leaveFor, onProvider } from './provider.js';
import { begin, emptied, mark, showable } from './space.js';

onClick('touch', async () => {
  const { ceremony, publicKey } = await posted('/v1/signin/options', {});
  tell(word('waiting'));
  await begin('/v1/signin/passkey', { ceremony, credential: await touched(publicKey) });
  location.assign('/account');
});

onProvider((provider) => leaveFor(provider));

showable('password');

onSubmit('sign-in', async () => {
  const [name, password, digits] = ['name', 'password', 'digits'].map((id) => element(id).value);
  await begin('/v1/signin/password', { name, password, digits, known: await mark() });
  emptied('sign-in', 'password'); // whoever comes back to this page finds nothing
  location.assign('/account');
});
