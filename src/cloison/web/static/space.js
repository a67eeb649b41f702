// People's own space: how a session begins there, and what a new password and its phone are asked.
//
// Unlike a desk's, the device's key stays when a session ends: by it, and by the mark that came with the last sign-in by
// password, the door knows the device again. The mark says nothing to anybody else, and no name is kept beside it: on a
// computer that many use the browser could not say who had been there.

import { Problem, forget, keep, kept, nextKey, signedFetch } from './device.js';
import { element, made, word } from './page.js';

/** Begin a session by what a way of signing in answers; one that this browser had before ends. Throws Problem. */
export async function begin(path, body) {
  const before = await kept('session');
  const key = await nextKey();
  const { token, session, known } = await signedFetch(path, { method: 'POST', body, held: { key } });
  await keep('session', { key, token, session });
  if (known) await keep('known', known);
  // it may be over, or somebody else's who forgot to leave: in either case nobody waits for the answer
  if (before) await signedFetch('/v1/signout', { method: 'POST', body: { everywhere: false }, held: before }).catch(() => {});
}

/** What this device was told when somebody signed in on it by password; it is the door that knows who. */
export const mark = async () => (await kept('known')) ?? '';

export const forgetMark = () => forget('known');

/** A box that shows what was typed as a password. */
export function showable(field) {
  const box = element('show-password');
  box.addEventListener('change', () => {
    element(field).type = box.checked ? 'text' : 'password';
  });
}

let phone; // whose secret is in the page

/** Show a new phone's secret: to be typed, in groups, and as what an application on this device opens. */
export function offer(given) {
  phone = given.phone;
  element('phone-secret').textContent = given.secret.match(/.{1,4}/g).join(' ');
  const link = made('a', word('phone_here'));
  link.href = given.address;
  element('phone-here').replaceChildren(link);
}

/** The new password as `send` is to send it; `again` asks for a new secret where the one that was shown is too old. */
export async function chosen(send, again) {
  try {
    await send({ password: element('new-password').value, phone, digits: element('new-digits').value });
  } catch (error) {
    if (error.code === 'space_refused') throw new Problem({ code: 'wrong_digits' });
    if (error.code !== 'ceremony') throw error;
    offer(await again());
    throw new Problem({ code: 'late' });
  }
}

/** The form as it was before anybody wrote in it, passwords hidden. */
export function emptied(form, field) {
  element(form).reset();
  element(field).type = 'password';
}
