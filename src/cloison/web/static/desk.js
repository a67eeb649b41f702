// The desk: a session that began at the sign-in door, a caseload, a search, a record.

import { Problem, exchange, forget, keep, kept, nextKey, signedFetch, thumbprint } from './device.js';
import { begin, button, element, made, moment, onClick, onSubmit, run, tell, word } from './page.js';
import { clearStrangers, offerStrangers } from './stranger.js';

const signin = word('signin');
const others = new BroadcastChannel('cloison'); // the other tabs of this browser
let person = null; // of the record that is shown
let next = null; // where the caseload goes on
let unanswered = null; // an opening that got no answer has the same number when it is asked again, and costs once

async function asked(path, { method = 'GET', body } = {}) {
  const held = await kept('session');
  if (!held) throw new Problem({ code: 'over' });
  try {
    return await signedFetch(path, { method, body, held });
  } catch (error) {
    if (error.code === 'no_session') await left();
    throw error;
  }
}

// -- coming and going ---------------------------------------------------------------------------------------------------

async function signInAddress() {
  return `${signin}/?jkt=${await thumbprint(await nextKey())}&door=desk`;
}

async function arrive() {
  const given = location.hash;
  history.replaceState(null, '', location.pathname); // a code stays in no history
  const refused = given.startsWith('#code=') ? await exchanged(decodeURIComponent(given.slice('#code='.length))) : null;
  if (await kept('session')) {
    const session = await asked('/v1/session');
    fill(session);
    await list();
    await offerStrangers(session.role, answered, choose);
    await openAgain(given === '#touched');
  } else {
    await signedOut();
  }
  if (refused) throw refused;
}

/** Why a code is good for nothing here; one for another key changes nothing about a session that is under way. */
async function exchanged(code) {
  try {
    await exchange(signin, code);
    others.postMessage('entered');
    return null;
  } catch (error) {
    return error;
  }
}

function fill(session) {
  element('signed-out').hidden = true;
  element('signed-in').hidden = false;
  element('account').textContent = session.account;
  element('role').textContent = word(`role_${session.role}`);
  element('until').textContent = moment(session.expires_at);
  element('frozen').hidden = !session.frozen;
}

async function signedOut() {
  element('sign-in').href = await signInAddress();
  element('signed-in').hidden = true;
  element('signed-out').hidden = false;
}

/** The session is over: nothing of it stays on the screen, here or in another tab. */
async function left() {
  await forget('session');
  await forget('pending');
  for (const id of ['caseload', 'found', 'fields', 'whom', 'account', 'role', 'until']) element(id).replaceChildren();
  for (const form of document.forms) form.reset();
  clearStrangers();
  element('record').hidden = true;
  others.postMessage('left');
  await signedOut();
}

async function signOut() {
  try {
    await asked('/v1/signout', { method: 'POST', body: {} });
  } catch (error) {
    if (error.code !== 'no_session') throw error; // it is over in any case
    return;
  }
  await left();
}

onClick('sign-out', async () => {
  await signOut();
  tell(word('ended'));
  element('sign-in').focus();
});
onClick('switch', async () => {
  await signOut();
  location.replace(await signInAddress());
});
others.addEventListener('message', () => location.reload());
addEventListener('pageshow', (event) => event.persisted && location.reload()); // what the one before saw

// -- finding people -----------------------------------------------------------------------------------------------------

async function list(after = null) {
  const query = new URLSearchParams({ whole: element('whole').checked });
  if (after) query.set('after', after);
  const page = await asked(`/v1/caseload?${query}`);
  next = page.next ?? null;
  if (!after) element('caseload').replaceChildren();
  element('caseload').append(...page.cards.map(item));
  element('caseload-none').hidden = element('caseload').children.length > 0;
  element('more').hidden = next === null;
  if (page.outcome !== 'scope') refuse(page); // a role without a caseload has nobody on it
}

function item(card) {
  const about = [card.birth_year, card.place].filter((each) => each !== null && each !== undefined).join(' · ');
  return made('li', about, button(word('open', { name: card.label }), async () => choose(card)));
}

element('whole').addEventListener('change', () => run(() => list()));
onClick('more', () => list(next));
onSubmit('search', async () => {
  element('found').replaceChildren();
  element('found-none').hidden = true;
  const facts = { purpose: element('search-purpose').value, [element('by').value]: element('value').value.trim() };
  for (const each of element('search').querySelectorAll('[data-fact]')) {
    if (each.value.trim()) facts[each.dataset.fact] = each.value.trim();
  }
  const found = await asked('/v1/people/search', { method: 'POST', body: facts });
  element('found').replaceChildren(...found.cards.map(item));
  const searched = ['open', 'scope'].includes(found.outcome); // a miss and somebody out of reach are the same
  element('found-none').hidden = found.cards.length > 0 || !searched;
  if (!searched) refuse(found);
});

/** What is asked about strangers: an outcome that is a refusal is a problem. */
async function answered(path, options) {
  const answer = await asked(path, options);
  if (answer.outcome) refuse(answer);
  return answer;
}

// -- a record -----------------------------------------------------------------------------------------------------------

/** Show the form for a card's person; `compartments` are chosen in it, where it is for these alone. */
function choose(card, compartments = null) {
  person = { person: card.person, segment: card.segment };
  element('whom').textContent = card.label;
  element('fields').replaceChildren();
  element('step-up').hidden = true;
  if (compartments) check(compartments);
  element('record').hidden = false;
  begin('record-title');
}

const boxes = () => [...element('open').elements.compartment];

function check(compartments) {
  for (const each of boxes()) each.checked = compartments.includes(each.value);
}

function wanted() {
  const compartments = boxes().filter((each) => each.checked).map((each) => each.value);
  if (!compartments.length) throw new Problem({ code: 'nothing' });
  return { person: person.person, segment: person.segment, compartments, purpose: element('purpose').value };
}

async function open(request) {
  element('fields').replaceChildren();
  const what = JSON.stringify(request);
  if (unanswered?.what !== what) unanswered = { what, number: crypto.randomUUID() };
  const body = { requests: [{ request: unanswered.number, ...request }] };
  const { results: [result] } = await asked('/v1/people/open', { method: 'POST', body });
  unanswered = null;
  element('step-up').hidden = result.outcome !== 'step_up';
  if (result.error) throw new Problem(result.error);
  refuse(result);
  element('fields').replaceChildren(
    ...Object.entries(result.fields ?? {}).flatMap(([name, value]) => [made('dt', word(`field_${name}`)), made('dd', String(value))]),
  );
  tell(word('opened'));
}

onSubmit('open', () => open(wanted()));
onClick('touch', async () => {
  const { session } = await kept('session');
  await keep('pending', wanted()); // numbers alone: no name is left in the browser
  location.assign(`${signin}/touch?session=${session}`);
});

/** What was asked for before the touch is asked again after it; without one it is forgotten. */
async function openAgain(wasTouched) {
  const pending = await kept('pending');
  await forget('pending');
  if (!pending || !wasTouched) return;
  choose({ ...pending, label: '' }, pending.compartments);
  element('purpose').value = pending.purpose;
  await open(pending);
}

/** An outcome that is a refusal, in words. */
function refuse({ outcome, retry_after: seconds }) {
  if (outcome !== 'open') throw new Problem({ code: outcome, detail: word(`outcome_${outcome}`, { seconds }) });
}

run(arrive);
