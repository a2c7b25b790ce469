/* A text area with numbered lines. What is typed is compiled by the server, which never runs it; the line of an error is
   marked beside its number. Tab indents; Escape, then Tab, goes on to the next field. */
'use strict';
{
  const token = () => document.querySelector('[name=csrfmiddlewaretoken]').value;
  const WAIT_MS = 400;

  for (const area of document.querySelectorAll('textarea[data-script-editor]')) {
    const box = document.createElement('div');
    box.className = 'script-editor';
    const gutter = document.createElement('div');
    gutter.className = 'script-gutter';
    gutter.setAttribute('aria-hidden', 'true');
    const told = document.createElement('p');
    told.className = 'script-told';
    told.id = `${area.id}_told`;
    told.setAttribute('role', 'status');
    const whole = document.createElement('div');
    whole.className = 'script-box';
    area.replaceWith(whole);
    box.append(gutter, area);
    whole.append(box, told);
    area.wrap = 'off';
    area.setAttribute('aria-describedby', [area.getAttribute('aria-describedby'), told.id].filter(Boolean).join(' '));

    let wrongLine = null;
    let asked = 0;
    let timer = 0;
    let leaves = false;

    const number = () => {
      const count = area.value.split('\n').length;
      if (gutter.childElementCount !== count) {
        gutter.replaceChildren(...Array.from({ length: count }, (_, i) => {
          const line = document.createElement('span');
          line.textContent = i + 1;
          return line;
        }));
      }
      for (const line of gutter.children) line.classList.toggle('is-wrong', Number(line.textContent) === wrongLine);
      gutter.scrollTop = area.scrollTop;
    };

    const goTo = (line) => {
      const start = area.value.split('\n').slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
      const end = area.value.indexOf('\n', start);
      area.focus();
      area.setSelectionRange(start, end < 0 ? area.value.length : end);
      const height = parseFloat(getComputedStyle(area).lineHeight);
      area.scrollTop = Math.max(0, (line - 4) * height);
    };

    const tell = (words, line) => {
      wrongLine = line;
      told.classList.toggle('is-wrong', Boolean(line) || (Boolean(words) && words !== 'No syntax error.'));
      told.replaceChildren(words);
      if (line) {
        const go = document.createElement('button');
        go.type = 'button';
        go.textContent = `Go to line ${line}`;
        go.addEventListener('click', () => goTo(line));
        told.append(' ', go);
      }
      number();
    };

    const check = async () => {
      if (!area.value.trim()) { tell('', null); return; }
      asked += 1;
      const mine = asked;
      const body = new FormData();
      body.append('definition', area.value);
      const answer = await fetch(area.dataset.scriptEditor, { method: 'POST', body, headers: { 'X-CSRFToken': token() } }).catch(() => null);
      if (mine !== asked) return;
      if (!answer?.ok) { tell(answer ? `Not checked: the server answered ${answer.status}.` : 'Not checked: the server does not answer.', null); return; }
      const { line, message } = await answer.json();
      tell(message || 'No syntax error.', line);
    };

    area.addEventListener('input', () => { number(); clearTimeout(timer); timer = setTimeout(check, WAIT_MS); });
    area.addEventListener('scroll', () => { gutter.scrollTop = area.scrollTop; });
    area.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') { leaves = true; return; }
      if (event.key === 'Tab' && !event.shiftKey && !leaves) { event.preventDefault(); area.setRangeText('    ', area.selectionStart, area.selectionEnd, 'end'); area.dispatchEvent(new Event('input')); }
      if (event.key !== 'Tab' || leaves) leaves = false;
    });
    area.addEventListener('read', check);
    number();
    check();
  }

  for (const input of document.querySelectorAll('input[type=file][data-read-into]')) {
    const area = document.getElementById(input.dataset.readInto);
    const said = document.createElement('p');
    said.className = 'help';
    said.setAttribute('role', 'status');
    input.after(said);
    input.addEventListener('change', async () => {
      const [file] = input.files;
      if (!file) return;
      const text = await file.text();
      if (text.includes('\uFFFD')) { said.textContent = `${file.name} is not UTF-8 text.`; return; }
      area.value = text.replace(/^\uFEFF/, '');
      input.value = '';  // what is seen is what is sent
      said.textContent = `Read ${file.name} into the editor.`;
      area.dispatchEvent(new Event('input'));
      area.dispatchEvent(new Event('read'));
    });
  }
}
