// Accounts of one's organisation: kept for another year, frozen or closed by one person.

import { Problem, kept } from './device.js';
import { element, onSubmit, run, tell, word } from './page.js';
import { asked } from './passkey.js';

const form = element('tend');

async function load() {
  element('signed-out').hidden = await kept('session') !== undefined;
  if (!element('signed-out').hidden) return;
  try {
    const { role } = await asked('/v1/account');
    form.hidden = !form.dataset.roles.split(' ').includes(role);
    element('others').hidden = !form.hidden;
  } catch (error) {
    element('signed-out').hidden = error.code !== 'no_session';
    throw error;
  }
}

onSubmit('tend', async () => {
  const act = form.elements.act.value;
  const handles = [...new Set(element('handles').value.split(/[\s,]+/).filter(Boolean))];
  if (act !== 'review' && !confirm(word(`sure_${act}`, { accounts: handles.length }))) return;
  const body = { act, segment: element('segment').value.trim(), handles };
  const { accounts: done } = await asked('/v1/accounts/tend', { method: 'POST', body });
  const told = word(`done_${act}`, { done, accounts: handles.length });
  if (done < handles.length) throw new Problem({ code: 'rest', detail: `${told} ${word('rest')}` });
  form.reset();
  tell(told);
});

run(load);
