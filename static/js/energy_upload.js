/* Looks at a file of readings without leaving the page, so that the chosen file stays chosen. */
'use strict';
{
  const form = document.getElementById('readings');
  const preview = document.getElementById('preview');
  form.addEventListener('submit', async (event) => {
    if (event.submitter?.name !== 'look') return;
    event.preventDefault();
    const body = new FormData(form);
    body.set('look', '1');
    body.set('part', '1');
    event.submitter.disabled = true;
    preview.textContent = 'Reading the file …';
    try {
      const answer = await fetch(form.action, { method: 'POST', body });
      const text = await answer.text();
      if (answer.status !== 200 && answer.status !== 400) preview.textContent = `The file could not be looked at: the server answered ${answer.status}.`;
      else preview.innerHTML = text; // written by our own template, which escapes what the file says
    } catch {
      preview.textContent = 'The file could not be sent. Is the server there?';
    }
    event.submitter.disabled = false;
  });
}
