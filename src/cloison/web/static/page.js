// What all pages do alike: find their words, tell what was done, show a problem where nobody misses it.

import { Problem } from './device.js';

export const element = (id) => document.getElementById(id);

/** A sentence of the page, in its language, `{name}` replaced by values. */
export function word(name, values = {}) {
  const found = element('words').content.querySelector(`[data-word="${CSS.escape(name)}"]`);
  const text = found ? found.textContent : name;
  return text.replaceAll(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

// A door has one address: proofs are for that one, and so are passkeys. Whoever came by another name goes there.
const elsewhere = location.origin !== word('own');
if (elsewhere) location.replace(word('own') + location.pathname + location.search + location.hash);

// A click that comes before the page's scripts would be lost: the page takes none until then.
const ready = new Promise((done) => addEventListener('DOMContentLoaded', done, { once: true }));
ready.then(() => {
  document.querySelector('main').inert = false;
});

/** Tell what was done; a screen reader says it without losing its place. */
export function tell(text) {
  element('told').textContent = text;
}

/** Show what went wrong and move the focus there. */
export function show(error) {
  const problem = error instanceof Problem ? error : new Problem();
  const shown = element('problem');
  shown.textContent = problem.detail || word(problem.code);
  shown.hidden = false;
  shown.focus();
}

/** Take back what was told and shown before. */
export function clear() {
  element('problem').hidden = true;
  element('problem').textContent = '';
  tell('');
}

/** Do something that may fail, once at a time; `control` cannot be used meanwhile. */
export async function run(action, control = null) {
  if (elsewhere || control?.disabled) return;
  clear();
  if (control) control.disabled = true;
  try {
    await ready;
    await action();
  } catch (error) {
    show(error);
  } finally {
    if (control) control.disabled = false;
  }
}

export function onClick(id, action) {
  const button = element(id);
  button.addEventListener('click', () => run(action, button));
}

/** What a form asks is done by the page's script; nothing of it gets into an address. */
export function onSubmit(id, action) {
  const form = element(id);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    run(action, form.querySelector('button:not([type])'));
  });
}

/** A new element with this text and these children. */
export function made(tag, text = '', ...children) {
  const result = document.createElement(tag);
  result.textContent = text;
  result.append(...children);
  return result;
}

export function button(text, action) {
  const result = made('button', text);
  result.type = 'button';
  result.addEventListener('click', () => run(action, result));
  return result;
}

/** Show a heading that was not there before, and begin there. */
export function begin(id) {
  element(id).hidden = false;
  element(id).focus();
}

export const moment = (text) => new Date(text).toLocaleString(document.documentElement.lang);
