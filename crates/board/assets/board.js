// What pages do more with scripts. None of it is needed.
'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A form is sent once in three seconds. Later it is sent again: the server knows its key.
  let sent = new WeakMap();
  // After a shortcut, whatever is typed is meant for the next page.
  let isLeaving = false;
  addEventListener('submit', (event) => {
    if (event.defaultPrevented) return;
    const now = Date.now();
    if (now - (sent.get(event.target) ?? 0) < 3000) event.preventDefault();
    else sent.set(event.target, now);
  });
  // The back button may show the page as it was.
  addEventListener('pageshow', () => { sent = new WeakMap(); isLeaving = false; });
  // Or it loads the page anew, and fills in what was typed. The key and the version belong to that.
  const hidden = all('form:has(.field) input[type=hidden]');
  const isBack = performance.getEntriesByType('navigation')[0]?.type === 'back_forward';
  const kept = isBack ? history.state?.hidden : undefined;
  if (kept?.length === hidden.length) hidden.forEach((field, index) => { field.value = kept[index]; });
  else if (hidden.length > 0) history.replaceState({ hidden: hidden.map((field) => field.value) }, '');

  // Shortcuts: a key presses the button or link that has it in `aria-keyshortcuts`.
  const OFF = 'eventboard-shortcuts-off';
  const read = () => { try { return localStorage.getItem(OFF) === '1'; } catch { return false; } };
  const write = (off) => { try { localStorage.setItem(OFF, off ? '1' : '0'); } catch { /* not remembered */ } };
  const isTyping = (element) => element.isContentEditable || element.matches('input, textarea, select');
  const showSetting = () => {
    const off = read();
    document.documentElement.toggleAttribute('data-shortcuts-off', off);
    for (const button of all('[data-shortcuts-switch]')) {
      button.textContent = off ? button.dataset.on : button.dataset.off;
      button.hidden = false;
    }
  };
  addEventListener('click', (event) => {
    if (!event.target.closest?.('[data-shortcuts-switch]')) return;
    write(!read());
    showSetting();
  });
  addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if ((target instanceof Element && isTyping(target)) || read()) return;
    const pressed = all('[aria-keyshortcuts]').find((element) => element.getAttribute('aria-keyshortcuts') === key);
    if (!pressed) return;
    event.preventDefault();
    if (isLeaving) return;
    isLeaving = true;
    pressed.click();
  });
  showSetting();

  // While somebody looks, elements with `data-refresh` are asked for again: the path in it, or else the page's.
  const tags = new Map();
  const isChanged = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const isDirty = (root) => all('input:not([type=hidden]), textarea', root).some(isChanged);
  const isBusy = (element) => {
    const { activeElement } = document;
    return (element.contains(activeElement) && isTyping(activeElement)) || isDirty(element) || element.querySelector('details[open]') !== null;
  };
  const refresh = (element) => {
    const tag = tags.get(element.id) ?? element.dataset.etag;
    const path = element.dataset.refresh || location.pathname + location.search;
    const headers = tag ? { 'If-None-Match': tag } : {};
    const context = { source: element, target: element, swap: 'outerHTML', select: '#' + element.id, headers };
    // What fails is tried again the next time.
    htmx.ajax('GET', path, context).catch(() => {});
  };
  setInterval(() => {
    if (document.visibilityState !== 'visible' || typeof htmx === 'undefined') return;
    all('[data-refresh]').filter((element) => !isBusy(element)).forEach(refresh);
  }, 20000);
  let hadFocus = false;
  document.addEventListener('htmx:beforeOnLoad', (event) => {
    const { elt, xhr } = event.detail;
    if (!elt.matches('[data-refresh]')) return;
    // The session has ended: what was typed elsewhere on the page stays.
    const leads = xhr.getResponseHeader('HX-Redirect') !== null;
    // Somebody has begun to type while the answer was on its way.
    if (leads ? isDirty(document) : isBusy(elt)) return event.preventDefault();
    hadFocus = elt.contains(document.activeElement);
    if (xhr.status === 200) tags.set(elt.id, xhr.getResponseHeader('ETag'));
  });
  // What had the focus may be gone.
  document.addEventListener('htmx:afterSettle', () => {
    if (hadFocus && document.activeElement === document.body) document.querySelector('[data-refresh] [tabindex="-1"]')?.focus();
  });
})();
