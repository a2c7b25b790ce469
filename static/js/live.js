/* Keeps a page true while it is looked at. The socket tells ids of what changed; the page fetches itself and replaces the
   parts marked `data-live`, at most once a second and never more than a tenth of the time. Without a socket it polls.

   <body data-watch="battery job:12">  which changes concern the page: a kind, or one record of it
   <body data-frame="rows 9">          what charts and scripts were set up for; when it is another, the page is loaded anew
   document event 'rovi:changed'       for charts, with the changes (null: unknown, look at everything) */
'use strict';
{
  const body = document.body;
  const watched = (body.dataset.watch || '').split(' ').filter(Boolean);
  const badge = document.getElementById('connection');
  const banner = document.getElementById('lost');
  const POLL_MS = 5000;
  const POLL_HIDDEN_MS = 60000;
  const SILENT_MS = 15000;
  let socket = null;
  let dialled = 0;
  let heard = Date.now();
  let answered = Date.now();
  let lostSince = null;

  const concerns = (changed) => watched.some((entry) => {
    const [kind, id] = entry.split(':');
    const ids = changed[kind];
    return ids && ids.length && (!id || ids.includes(Number(id)));
  });

  /* --- fetching --------------------------------------------------------------------------------------------------- */
  let isFetching = false;
  let isWanted = false;
  let notBefore = 0;

  const replaceParts = (fresh) => {
    for (const part of document.querySelectorAll('[data-live]')) {
      const next = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (!next || next.outerHTML === part.dataset.seen) continue;
      if (part.contains(document.activeElement) && document.activeElement.matches('input:not([type="checkbox"]), select, textarea')) continue;
      part.dataset.seen = '';
      const html = next.outerHTML;
      const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
      const open = [...part.querySelectorAll('details[open] > summary')].map((summary) => summary.textContent);
      const ticked = new Set([...part.querySelectorAll('input[type="checkbox"]:checked')].map((box) => `${box.name} ${box.value}`));
      const scrolls = [...part.querySelectorAll('.table-box, pre')].map((box) => [box.scrollLeft, box.scrollTop]);
      if (part.outerHTML !== html) {
        part.replaceWith(next);
        next.dataset.seen = html;
        for (const summary of next.querySelectorAll('details > summary')) if (open.includes(summary.textContent)) summary.parentElement.open = true;
        for (const box of next.querySelectorAll('input[type="checkbox"]')) if (ticked.has(`${box.name} ${box.value}`)) box.checked = true;
        next.querySelectorAll('.table-box, pre').forEach((box, i) => { if (scrolls[i]) [box.scrollLeft, box.scrollTop] = scrolls[i]; });
        if (focused) [...next.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused)?.focus({ preventScroll: true });
      }
    }
    if (fresh.title) document.title = fresh.title;
  };

  const refresh = async () => {
    if (isFetching || Date.now() < notBefore || document.hidden) { isWanted = true; return; }
    isWanted = false;
    isFetching = true;
    const began = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { 'X-Requested-With': 'live' }, redirect: 'manual', cache: 'no-store' });
      if (answer.type === 'opaqueredirect' || answer.status === 403) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const isWriting = document.activeElement?.matches('input, select, textarea');
        if (fresh.body.dataset.frame !== body.dataset.frame) {
          if (!isWriting) { location.reload(); return; }
          isWanted = true;
        }
        replaceParts(fresh);
        answered = Date.now();
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;  // the network's errors are TypeErrors; the banner tells them
    } finally {
      isFetching = false;
      notBefore = Date.now() + Math.max(1000, 10 * (Date.now() - began));
    }
  };

  const changed = (changes) => {
    document.dispatchEvent(new CustomEvent('rovi:changed', { detail: changes }));
    if (changes === null || concerns(changes)) refresh();
  };
  setInterval(() => { if (isWanted) refresh(); }, 250);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) changed(null); });

  /* --- the socket --------------------------------------------------------------------------------------------------- */
  const dial = () => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    socket = new WebSocket(`${scheme}://${location.host}/ws/updates/`);
    socket.onopen = () => { dialled = 0; heard = Date.now(); changed(null); show(); };
    socket.onmessage = (message) => {
      heard = Date.now();
      const { changed: changes } = JSON.parse(message.data);
      if (Object.keys(changes).length) changed(changes);
      show();
    };
    socket.onclose = () => {
      socket = null;
      setTimeout(dial, Math.min(30000, 1000 * 2 ** Math.min(dialled, 5)) * (0.7 + 0.3 * Math.random()));
      dialled += 1;
      show();
    };
  };
  const isOpen = () => socket && socket.readyState === WebSocket.OPEN && Date.now() - heard < SILENT_MS;

  let polled = Date.now();
  setInterval(() => {
    if (!isOpen() && Date.now() - polled >= (document.hidden ? POLL_HIDDEN_MS : POLL_MS)) {
      polled = Date.now();
      changed(null);
    }
    show();
  }, 1000);

  /* --- what is said of it --------------------------------------------------------------------------------------------- */
  const clock = (ms) => new Date(ms).toISOString().slice(11, 19) + ' UTC';
  const SHAPES = { live: 'ok', polling: 'run', lost: 'bad' };
  const show = () => {
    if (!badge) return;
    const last = Math.max(heard, answered);
    let state = 'live';
    let words = 'Live';
    if (!isOpen()) {
      const isLost = Date.now() - last > SILENT_MS;
      state = isLost ? 'lost' : 'polling';
      words = isLost ? 'Not connected' : 'Polling every 5 s';
      if (dialled === 0 && socket && socket.readyState === WebSocket.CONNECTING && !isLost) words = 'Connecting';
    }
    lostSince = state === 'lost' ? last : null;
    if (badge.dataset.state !== state || badge.dataset.words !== words) {
      badge.dataset.state = state;
      badge.dataset.words = words;
      badge.innerHTML = `<svg class="shape" aria-hidden="true"><use href="#shape-${SHAPES[state]}"/></svg>${words}`;
      badge.hidden = false;
    }
    body.classList.toggle('is-disconnected', lostSince !== null);
    banner.hidden = lostSince === null;
    if (lostSince !== null) document.getElementById('lost-text').textContent = `Not connected since ${clock(lostSince)}. Showing what was known then.`;
  };
  document.getElementById('lost-retry')?.addEventListener('click', () => { polled = Date.now(); notBefore = 0; if (!socket) dial(); changed(null); });
  dial();
}
