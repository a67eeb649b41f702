// The device's key: what binds a session to this browser (RFC 9449, as access/proofs.py wants it).
//
// The key is made here, cannot be exported, and stays in IndexedDB, which each origin has for itself, beside the token
// that is worthless without it. Nothing is in a cookie, in localStorage, or in an address that a server sees.

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
const ANY_SCRIPT = '/static/device.js';

const nonces = new Map(); // the last nonce of each origin
let ahead = 0; // seconds by which the servers' clock is ahead of ours

/** What a door answered instead: `detail` is its sentence, `code` is stable. */
export class Problem extends Error {
  constructor({ code = 'broken', detail = '', status = 0, retry_after: wait = null } = {}) {
    super(code);
    Object.assign(this, { code, detail, status, wait });
  }
}

// -- what this browser keeps --------------------------------------------------------------------------------------------

function opened() {
  return new Promise((done, failed) => {
    const opening = indexedDB.open('cloison', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('device');
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => failed(opening.error);
  });
}

async function asked(mode, ask) {
  const database = await opened();
  try {
    return await new Promise((done, failed) => {
      const transaction = database.transaction('device', mode);
      const request = ask(transaction.objectStore('device'));
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = () => failed(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** What was kept under this name; undefined where there is nothing. */
export const kept = (name) => asked('readonly', (store) => store.get(name));

export const keep = (name, value) => asked('readwrite', (store) => store.put(value, name));

export const forget = (name) => asked('readwrite', (store) => store.delete(name));

// -- the key and its proofs ---------------------------------------------------------------------------------------------

/** The key that the next session will be bound to: made where there is none yet, never taken out. */
export async function nextKey() {
  const waiting = await kept('next');
  if (waiting) return waiting;
  const made = await crypto.subtle.generateKey(CURVE, false, ['sign']);
  try {
    await asked('readwrite', (store) => store.add(made, 'next'));
    return made;
  } catch {
    return kept('next'); // another tab was faster, and both must go to the door with one key
  }
}

/** The thumbprint of a key (RFC 7638), as text. */
export async function thumbprint(key) {
  return sha256(new TextEncoder().encode(JSON.stringify(await publicPart(key))));
}

/** The door's answer to a request that the key signed, with the session's token if there is one. Throws Problem. */
export async function signedFetch(url, { method = 'GET', body, held }) {
  const address = new URL(url, location.origin);
  const bytes = body === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(body));
  let answer = await sent(address, method, bytes, held);
  let read = await contents(answer);
  if (!answer.ok && read.code === 'proof_nonce') { // refused before anything was done
    learnClock(answer);
    answer = await sent(address, method, bytes, held);
    read = await contents(answer);
  }
  if (!answer.ok) throw new Problem(read);
  return read;
}

/** The session that a code is good for, if it was given for the key that waits here; kept, and the key with it. */
export async function exchange(door, code) {
  const key = await kept('next');
  if (!key) throw new Problem({ code: 'foreign' });
  // another origin's answers do not tell us its clock, our own origin's do
  if (door !== location.origin) learnClock(await reached(ANY_SCRIPT, { cache: 'no-store' }));
  const { token, session } = await signedFetch(`${door}/v1/token`, { method: 'POST', body: { code }, held: { key } });
  await keep('session', { key, token, session });
  await forget('next');
}

async function sent(address, method, bytes, { key, token }) {
  const headers = { DPoP: await proof(address, method, bytes, key, token) };
  if (token) headers.Authorization = `DPoP ${token}`;
  if (method !== 'GET') headers['Content-Type'] = 'application/json';
  const answer = await reached(address, { method, headers, body: method === 'GET' ? undefined : bytes, cache: 'no-store' });
  const nonce = answer.headers.get('DPoP-Nonce');
  if (nonce) nonces.set(address.origin, nonce);
  return answer;
}

async function proof(address, method, bytes, key, token) {
  const claims = {
    htm: method,
    htu: address.origin + address.pathname,
    iat: Math.floor(Date.now() / 1000 + ahead),
    jti: crypto.randomUUID(),
    body_sha256: await sha256(bytes),
  };
  const nonce = nonces.get(address.origin);
  if (nonce) claims.nonce = nonce;
  if (token) claims.ath = await sha256(new TextEncoder().encode(token));
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: await publicPart(key) };
  const signed = `${json(header)}.${json(claims)}`;
  const signature = await crypto.subtle.sign(SIGNATURE, key.privateKey, new TextEncoder().encode(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

/** A fetch without credentials, so that no cookie of anybody's ever goes along. */
export async function reached(url, options = {}) {
  try {
    return await fetch(url, { ...options, credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer' });
  } catch {
    throw new Problem({ code: 'unreachable' });
  }
}

/** The JSON of an answer; what is none, such as a proxy's page, becomes a problem without words of its own. */
export async function contents(answer) {
  try {
    return await answer.json();
  } catch {
    return { code: 'unreachable', status: answer.status };
  }
}

function learnClock(answer) {
  const date = Date.parse(answer.headers.get('Date') ?? '');
  if (!Number.isNaN(date)) ahead = (date - Date.now()) / 1000;
}

async function publicPart(key) {
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey);
  return { crv, kty, x, y }; // in the order that RFC 7638 hashes
}

async function sha256(bytes) {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

const json = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

function base64url(bytes) {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
