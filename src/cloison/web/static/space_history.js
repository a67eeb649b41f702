// What was done with one's own record, page by page; each line that is anchored can be proved.

import { kept } from './device.js';
import { button, element, made, moment, onClick, run, tell, word } from './page.js';
import { asked } from './passkey.js';

let cursor = null; // of the last page

async function load() {
  if (await kept('session') === undefined) leave();
  else await next();
}

/** What the door answers; a session that is over leaves nothing in the page. Throws Problem. */
async function mine(path, options) {
  try {
    return await asked(path, options);
  } catch (error) {
    if (error.code === 'no_session' || error.code === 'signed_out') leave();
    throw error;
  }
}

/** Show the next page behind what is there, and where it begins. */
async function next() {
  const query = cursor === null ? '' : `?behind=${encodeURIComponent(cursor)}`;
  const { lines, cursor: last, delayed_until: delayed } = await mine(`/v1/history${query}`);
  cursor = last;
  element('signed-in').hidden = false;
  element('signed-out').hidden = true;
  element('delay').hidden = !delayed;
  element('delay').textContent = delayed ? word('delayed', { until: moment(delayed) }) : '';
  const list = element('lines');
  const added = lines.map(shown);
  const before = list.children.length;
  list.append(...added);
  element('nothing').hidden = list.children.length > 0;
  element('more').hidden = cursor === null;
  if (before > 0 && added.length > 0) added[0].focus();
}

function shown(line) {
  const { at, event, outcome, purpose, compartments, relation, authority, anchored } = line;
  const told = [by(line)];
  if (relation) told.push(word(`relation_${relation}`));
  if (purpose) told.push(word('why', { purpose: word(`purpose_${purpose}`) }));
  if (compartments.length > 0) {
    told.push(word('what', { compartments: compartments.map((each) => word(`compartment_${each}`)).join(', ') }));
  }
  if (authority) told.push(word('to', { authority }));
  if (outcome !== 'open') told.push(word('refused'));
  told.push(word(anchored ? 'anchored' : 'pending'));
  const what = word('line', { when: moment(at), event: word(`event_${event}`) });
  const item = made('li', what, made('ul', '', ...told.map((each) => made('li', each))));
  item.tabIndex = -1;
  if (anchored) item.append(button(word('proof', { when: moment(at) }), () => prove(line)));
  return item;
}

function by({ organisation, agency, role, account }) {
  if (!organisation) return word('by_service');
  const values = { organisation, agency, role: word(`role_${role}`), account };
  return word(account ? 'by_named' : 'by', values);
}

async function prove({ log, place }) {
  const { proof } = await mine('/v1/history/proofs', { method: 'POST', body: { log, place } });
  const file = URL.createObjectURL(new Blob([JSON.stringify(proof)], { type: 'application/json' }));
  const link = made('a');
  link.href = file;
  link.download = `proof-${log}-${place}.json`;
  link.click();
  URL.revokeObjectURL(file);
  tell(word('proof_made'));
}

function leave() {
  cursor = null;
  element('lines').replaceChildren();
  element('signed-in').hidden = true;
  element('signed-out').hidden = false;
}

onClick('more', next);

run(load);
