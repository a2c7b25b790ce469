/* What every page does: clock, ages, keys, copying. */
'use strict';
{
  const clock = document.getElementById('clock');
  const utc = (date) => date.toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
  const age = (seconds) => {
    if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
    return `${Math.round(seconds / 86400)} d`;
  };
  // The server's clock counts: a browser whose clock is off would call every row late.
  const told = Number(document.body.dataset.now || 0) * 1000;
  const offset = told ? told - Date.now() : 0;
  const tick = () => {
    const now = Date.now() + offset;
    if (clock) { clock.textContent = utc(new Date(now)); clock.dateTime = new Date(now).toISOString(); }
    for (const element of document.querySelectorAll('time[data-age]')) {
      const at = new Date(element.dateTime);
      const text = `${age((now - at) / 1000)} ago`;
      if (element.textContent !== text) element.textContent = text;
      element.title = `${utc(at)} · here ${at.toLocaleString()}`;
    }
  };
  tick();
  setInterval(tick, 1000);

  // The icon tells the worst state that the title begins with.
  const icon = document.getElementById('icon');
  const plainIcon = icon?.href;
  const showWorst = () => {
    if (!icon) return;
    const wanted = document.title.startsWith('✕') ? icon.dataset.bad : document.title.startsWith('▲') ? icon.dataset.warn : plainIcon;
    if (icon.getAttribute('href') !== wanted) icon.href = wanted;
  };
  showWorst();
  const titled = document.querySelector('title');
  if (titled) new MutationObserver(showWorst).observe(titled, { childList: true, characterData: true, subtree: true });

  document.addEventListener('click', (event) => {
    const copy = event.target.closest('[data-copy]');
    if (copy) {
      const source = document.getElementById(copy.dataset.copy);
      navigator.clipboard?.writeText(source.value ?? source.textContent.trim());
      copy.textContent = 'Copied';
    }
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  let went = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      for (const menu of document.querySelectorAll('details.menu[open]')) menu.open = false;
      if (document.activeElement?.matches('input')) document.activeElement.blur();
      return;
    }
    if (event.target.matches('input, textarea, select, [contenteditable]')) return;
    const press = (selector) => { const found = document.querySelector(selector); if (found) { event.preventDefault(); found.focus(); if (found.click && found.matches('button')) found.click(); } };
    if (Date.now() - went < 1500) {
      const to = { h: '/', b: '/#batteries', e: '/estimators', f: '/forecasts', j: '/jobs', s: '/status' }[event.key];
      went = 0;
      if (to) { location.assign(to); return; }
    }
    if (event.key === 'g') went = Date.now();
    else if (event.key === '/') press('#search');
    else if (event.key === '?') document.getElementById('keys')?.showModal();
    else if (event.key === 't') press('#range-from');
    else if (event.key === 'l') press('#follow');
    else if (['ArrowLeft', 'ArrowRight', '+', '-', '0'].includes(event.key) && document.querySelector('#charts, [data-energy]') && event.target === document.body) {
      event.preventDefault();
      document.dispatchEvent(new CustomEvent('rovi:move', { detail: event.key }));
    }
  });
}
