/* Swagger UI has a dark look of its own, by a class: it follows the theme that the pages share. */
'use strict';
{
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => {
    const chosen = root.dataset.theme;
    root.classList.toggle('dark-mode', chosen === 'dark' || (chosen !== 'light' && system.matches));
  };
  follow();
  system.addEventListener('change', follow);
  new MutationObserver(follow).observe(root, { attributeFilter: ['data-theme'] });
}
