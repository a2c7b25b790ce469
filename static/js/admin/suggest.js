/* Suggests names of records while one is typed: the address in data-suggest is asked, with what stands in the field. */
'use strict';
{
  const WAIT_MS = 200;
  for (const input of document.querySelectorAll('input[data-suggest]')) {
    const list = document.createElement('datalist');
    list.id = `${input.id}_names`;
    input.after(list);
    input.setAttribute('list', list.id);
    input.autocomplete = 'off';
    let timer = 0;
    let asked = 0;
    const ask = async () => {
      asked += 1;
      const mine = asked;
      const answer = await fetch(input.dataset.suggest + encodeURIComponent(input.value)).catch(() => null);
      if (mine !== asked || !answer?.ok) return;
      const { results } = await answer.json();
      list.replaceChildren(...results.slice(0, 20).map((record) => new Option(record.name, record.name)));
    };
    input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(ask, WAIT_MS); });
    input.addEventListener('focus', ask, { once: true });
  }
}
