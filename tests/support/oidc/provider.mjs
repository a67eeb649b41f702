// A real OpenID Connect provider (panva's certified oidc-provider) for tests: its people sign in by one POST, no browser.
//
// Started with the path of a JSON file: {issuer, keys, clients}. `keys` names the file where it keeps its signing keys, so
// that it comes back with them after it was stopped. Besides the protocol it answers:
//   POST /interaction/UID  {sub, acr, amr, ts}   the person signs in, having shown this; {error} refuses
//   POST /test/rotate                            new signing keys; the old ones are gone
//   POST /test/claims      {name: value}         replace claims of the ID tokens from now on (null removes them)
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

import Provider from 'oidc-provider';
import { SignJWT, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';

const { issuer, keys: keysFile, clients } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let replaced = {};
let keys = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile, 'utf8')) : newKeys();
let provider = newProvider();

function newKeys() {
  const made = [
    ['rsa', { modulusLength: 2048 }, 'RS256'],
    ['ec', { namedCurve: 'P-256' }, 'ES256'],
  ].map(([type, options, alg]) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
    use: 'sig',
    alg,
    kid: randomUUID(),
  }));
  writeFileSync(keysFile, JSON.stringify(made), { mode: 0o600 });
  return made;
}

function newProvider() {
  const made = new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: ['a key for the tests alone'] },
    acrValues: ['loa1', 'loa2'],
    claims: { openid: ['sub', 'acr', 'amr', 'auth_time'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    loadExistingGrant: granted,
    ttl: { Session: 600, Interaction: 600, Grant: 600, IdToken: 300, AccessToken: 300, AuthorizationCode: 60 },
  });
  made.use(replaceClaims);
  return made;
}

// Everybody has agreed to what a client asks for.
async function granted(ctx) {
  const grant = new ctx.oidc.provider.Grant({
    clientId: ctx.oidc.client.clientId,
    accountId: ctx.oidc.session.accountId,
  });
  grant.addOIDCScope('openid');
  await grant.save();
  return grant;
}

// What a broken or malicious provider would sign: the ID token with other claims, by the real key.
async function replaceClaims(ctx, next) {
  await next();
  if (!ctx.body?.id_token || Object.keys(replaced).length === 0) return;
  const header = decodeProtectedHeader(ctx.body.id_token);
  const claims = { ...decodeJwt(ctx.body.id_token), ...replaced };
  for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
  const key = await importJWK(keys.find(({ kid }) => kid === header.kid), header.alg);
  ctx.body.id_token = await new SignJWT(claims).setProtectedHeader(header).sign(key);
}

async function interaction(request, response) {
  const { error, sub, ...shown } = await json(request);
  const result = error ? { error } : { login: { accountId: sub, ...shown } };
  await provider.interactionFinished(request, response, result);
}

async function control(request, response) {
  if (request.url === '/test/rotate') {
    keys = newKeys();
    provider = newProvider();
  } else {
    replaced = await json(request);
  }
  response.writeHead(204).end();
}

createServer((request, response) => {
  const ours = { '/interaction/': interaction, '/test/': control };
  const prefix = Object.keys(ours).find((start) => request.url.startsWith(start) && request.method === 'POST');
  if (!prefix) return provider.callback()(request, response);
  return ours[prefix](request, response).catch((error) => response.writeHead(500).end(String(error)));
}).listen(Number(new URL(issuer).port), '127.0.0.1', () => console.log('listening'));
