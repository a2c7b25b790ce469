/* Sets the theme before anything is drawn, so that a dark page never flashes white. The admin shares the choice. */
'use strict';
{
  const root = document.documentElement;
  const chosen = () => localStorage.getItem('theme') || 'auto';
  root.dataset.theme = chosen();
  document.addEventListener('click', (event) => {
    if (!event.target.closest('.theme-toggle')) return;
    const next = { auto: 'light', light: 'dark', dark: 'auto' }[chosen()];
    localStorage.setItem('theme', next);
    root.dataset.theme = next;
  });
  window.addEventListener('storage', () => { root.dataset.theme = chosen(); });
}
