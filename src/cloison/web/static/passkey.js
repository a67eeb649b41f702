// Passkeys, and the session of this door. The browser itself sees to it that a passkey answers this origin alone.

import { Problem, contents, forget, kept, reached, signedFetch } from './device.js';

/** What a door answers to somebody without a session. Throws Problem. */
export async function posted(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await reached(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const read = await contents(answer);
  if (!answer.ok) throw new Problem(read);
  return read;
}

/** A passkey's signature of what the door asked. */
export async function touched(publicKey) {
  return answered(() => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) }));
}

/** A new passkey. */
export async function registered(publicKey) {
  return answered(() => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) }));
}

/** A code for a session of `door`, good for the device with this thumbprint alone. */
export async function codeFor(jkt, door) {
  const { ceremony, publicKey } = await posted('/v1/signin/options', {});
  return (await posted('/v1/signin', { ceremony, credential: await touched(publicKey), jkt, door })).code;
}

/** Confirm a session, of this door or of the desk, with a touch. */
export async function touchFor(session) {
  const { ceremony, publicKey } = await posted('/v1/signin/options', {});
  await posted('/v1/touch', { ceremony, credential: await touched(publicKey), session });
}

/** What this door answers to whoever is signed in here. Throws Problem; `signed_out` where nobody is. */
export async function asked(path, { method = 'GET', body } = {}) {
  const held = await kept('session');
  if (!held) throw new Problem({ code: 'signed_out' });
  try {
    return await signedFetch(path, { method, body, held });
  } catch (error) {
    if (error.code === 'no_session') await forget('session');
    throw error;
  }
}

/** The same; where the door wants a fresh touch it is asked for, and then what was asked is asked again. */
export async function askedWithTouch(path, options) {
  try {
    return await asked(path, options);
  } catch (error) {
    if (error.code !== 'step_up') throw error;
  }
  await touchFor((await kept('session')).session);
  return asked(path, options);
}

async function answered(ask) {
  try {
    return (await ask()).toJSON();
  } catch (error) {
    throw new Problem({ code: error.name === 'InvalidStateError' ? 'taken' : 'no_touch' });
  }
}
