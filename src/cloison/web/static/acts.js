// Acts that take several people: shown in sentences made from the bytes that a touch signs; asked for, signed, refused.

import { kept } from './device.js';
import { begin, button, element, made, moment, onClick, onSubmit, run, tell, word } from './page.js';
import { asked, askedWithTouch, touched } from './passkey.js';

let draft = null; // what was drafted, and the challenge of exactly that

const post = (path, body) => asked(path, { method: 'POST', body });

async function load() {
  const signedIn = await kept('session') !== undefined;
  element('signed-out').hidden = signedIn;
  element('signed-in').hidden = !signedIn;
  if (!signedIn) return;
  try {
    element('organisation').defaultValue = (await asked('/v1/account')).organisation; // most acts are about one's own
    const { acts, standing } = await asked('/v1/acts/shown');
    element('waiting').replaceChildren(...acts.map(item));
    element('none').hidden = acts.length > 0;
    element('standing').replaceChildren(...standing.map(given));
    element('given').hidden = standing.length === 0;
  } catch (error) {
    element('signed-in').hidden = error.code === 'no_session';
    element('signed-out').hidden = error.code !== 'no_session';
    throw error;
  }
}

function item(act) {
  const told = word('signed', { signed: act.signed, people: act.people_needed });
  const lines = made('ul', '', ...[...act.lines, told].map((line) => made('li', line)));
  const refuse = button(word(act.mine ? 'take_back' : 'refuse'), async () => {
    await post(`/v1/acts/${act.act}/refuse`, {});
    await settled(act.mine ? 'taken_back' : 'refused');
  });
  const sign = button(word('sign'), async () => {
    const credential = await touched(act.publicKey);
    await settled(`state_${(await post(`/v1/acts/${act.act}/sign`, { credential })).state}`);
  });
  return made('li', '', made('h3', act.what), lines, ...(act.mine ? [refuse] : [sign, refuse]));
}

/** What an act gave and what stands yet. */
function given(act) {
  const told = word('standing', { asker: act.asked_by, until: moment(act.until) });
  const end = button(word('end'), async () => {
    await post(`/v1/acts/${act.act}/refuse`, {});
    await settled('ended');
  });
  return made('li', '', made('h3', act.what), made('p', told), end);
}

async function settled(name) {
  await load();
  element('waiting-title').focus(); // the button that was used is gone
  tell(word(name));
}

/** Fields of other kinds of acts are neither seen nor sent. */
function choose() {
  for (const part of element('ask').querySelectorAll('[data-for]')) {
    const wanted = part.dataset.for.split(' ').includes(element('kind').value);
    part.hidden = !wanted;
    for (const field of part.querySelectorAll('input, select')) field.disabled = !wanted;
  }
  drop();
}

function drop() {
  draft = null;
  element('draft').hidden = true;
}

const READ = {
  text: (field, text) => ({ [field.id]: text }),
  number: (field, text) => ({ [field.id]: Number(text) }),
  list: (field, text) => ({ [field.id]: text.split(/[\s,]+/) }),
  choice: (field, text, before) => (field.checked ? { [field.name]: [...before[field.name] ?? [], text] } : {}),
  flag: (field) => (field.checked ? { [field.id]: true } : {}),
  cap: (field, text) => ({ caps: { [field.id]: Number(text) } }),
};

/** What the act says, by the fields of its kind that something stands in. */
function details() {
  const fields = [...element('ask').querySelectorAll('[data-detail]')].filter((field) => !field.disabled && field.value.trim());
  return fields.reduce((given, field) => ({ ...given, ...READ[field.dataset.detail](field, field.value.trim(), given) }), {});
}

onSubmit('ask', async () => {
  drop();
  const organisation = element('organisation').value.trim();
  const drafted = await post('/v1/acts', { kind: element('kind').value, organisation, details: details() });
  const told = await post('/v1/acts/told', { draft: drafted.draft, organisation });
  draft = { draft: drafted.draft, publicKey: told.publicKey };
  element('draft-what').textContent = told.what;
  element('draft-lines').replaceChildren(...told.lines.map((line) => made('li', line)));
  element('draft').hidden = false;
  begin('draft-what');
});
element('ask').addEventListener('input', drop); // what is signed is what was shown
element('kind').addEventListener('change', choose);
onClick('draft-drop', async () => {
  drop();
  element('kind').focus();
});
onClick('draft-sign', async () => {
  const { state } = await post('/v1/acts/sign', { draft: draft.draft, credential: await touched(draft.publicKey) });
  drop();
  element('ask').reset();
  choose();
  await settled(`state_${state}`);
});
onSubmit('hand', async () => {
  element('hand-code').textContent = '';
  const body = { segment: element('hand-segment').value.trim(), handle: element('hand-handle').value.trim() };
  element('hand-code').textContent = (await askedWithTouch('/v1/invitations/code', { method: 'POST', body })).code;
});

choose();
run(load);
