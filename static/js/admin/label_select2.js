/* Django's search field for a record is not tied to its label: it is named here, for those who hear the page. */
'use strict';
django.jQuery(() => {
  for (const box of document.querySelectorAll('.select2-selection')) {
    const label = box.closest('.form-row')?.querySelector('label')?.textContent.replace(/:\s*$/, '').trim();
    if (!label) continue;
    for (const part of [box, ...box.querySelectorAll('[role=textbox]')]) {
      part.removeAttribute('aria-labelledby');
      part.setAttribute('aria-label', label);
    }
  }
});
