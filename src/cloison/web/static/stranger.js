// Strangers: facts about somebody without a relation, and what became of the grants that were asked for with them.

import { button, element, made, moment, onClick, onSubmit, tell, word } from './page.js';

const section = element('stranger');

/** Show the section to roles that may name strangers; what it asks goes by `asked`, whom it lets open to `choose`. */
export async function offerStrangers(role, asked, choose) {
  section.hidden = !section.dataset.roles.split(' ').includes(role);
  if (section.hidden) return;
  const list = async () => show((await asked('/v1/grants')).grants, choose);
  onSubmit('facts', () => keepFacts(asked));
  onClick('grants-again', list);
  await list();
}

/** Nothing of it stays on the screen. */
export function clearStrangers() {
  for (const id of ['grants', 'facts-number']) element(id).replaceChildren();
  element('facts-next').hidden = true;
}

async function keepFacts(asked) {
  element('facts-number').textContent = '';
  element('facts-next').hidden = true;
  const facts = { purpose: element('facts-purpose').value, [element('named-by').value]: element('named').value.trim() };
  for (const each of section.querySelectorAll('[data-proof]')) facts[each.dataset.proof] = each.value.trim();
  const { facts: number } = await asked('/v1/grants/facts', { method: 'POST', body: facts });
  element('facts').reset(); // whom it is about has no business on the screen any more
  element('facts-number').textContent = number;
  element('facts-next').hidden = false;
  tell(word('facts_kept'));
}

function show(grants, choose) {
  element('grants').replaceChildren(...grants.map((grant) => item(grant, choose)));
  element('grants-none').hidden = grants.length > 0;
}

function item({ state, until, compartments, emergency, approved, person, segment }, choose) {
  const said = state === 'open' && emergency && !approved ? 'emergency' : state;
  const names = compartments.map((name) => word(`compartment_${name}`)).join(', ');
  const line = made('li', `${word(`grant_${said}`, { until: moment(until), compartments: names })} `);
  if (state === 'open') {
    line.append(button(word('grant_choose'), async () => choose({ person, segment, label: word('grant_label') }, compartments)));
  }
  return line;
}
