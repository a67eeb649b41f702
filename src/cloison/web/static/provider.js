// Signing in at an OpenID provider: the way there and back. What waits here meanwhile the door has sealed.

import { forget, keep, kept, nextKey, signedFetch } from './device.js';
import { run } from './page.js';

/** Go to a provider to sign in there; an invitation among `wishes` waits here for whoever comes back. Throws Problem. */
export async function leaveFor(provider, wishes = {}) {
  const body = { provider, ...wishes };
  const { url, invited } = await signedFetch('/v1/signin/provider', { method: 'POST', body, held: { key: await nextKey() } });
  await keep('pending', invited);
  location.assign(url);
}

/** What the buttons of providers do. */
export function onProvider(action) {
  for (const button of document.querySelectorAll('button[data-provider]')) {
    button.addEventListener('click', () => run(() => action(button.dataset.provider), button));
  }
}

/** What a provider sent this browser back with, and what waited here: both are good once, and no history needs them. */
export async function sentBack() {
  const sent = new URLSearchParams(location.search);
  history.replaceState(null, '', location.pathname);
  const body = { provider: location.pathname.split('/').at(-1), invited: (await kept('pending')) ?? '' };
  await forget('pending');
  for (const name of ['state', 'code', 'iss', 'error']) {
    if (sent.has(name)) body[name] = sent.get(name);
  }
  return body;
}
