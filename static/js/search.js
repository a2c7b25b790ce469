/* Results of a search by keyboard: arrows choose, Enter opens what is chosen; nothing is opened unasked. */
'use strict';
{
  const links = [...document.querySelectorAll('.found a')];
  const field = document.getElementById('search-text');
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const here = links.indexOf(document.activeElement);
    if (here < 0 && document.activeElement !== field && document.activeElement !== document.body) return;
    const next = here + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    if (next < 0) field.focus(); else links[Math.min(next, links.length - 1)]?.focus();
  });
  if (!field.value) field.focus();
}
