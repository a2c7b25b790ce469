/* Batteries ticked in the fleet's table: how many, and a row of ticks by holding shift. */
'use strict';
{
  const form = document.getElementById('fleet-form');
  const told = document.getElementById('ticked');
  let last = null;
  const boxes = () => [...form.querySelectorAll('input[name="battery"]')];
  const show = () => {
    const number = boxes().filter((box) => box.checked).length;
    const isAll = form.elements.all.checked;
    told.textContent = isAll ? `${Number(document.getElementById('bulk').dataset.count)} chosen, on all pages` : number ? `${number} chosen` : '';
  };
  form?.addEventListener('click', (event) => {
    if (event.target.name !== 'battery') return;
    const all = boxes();
    const [from, to] = [all.findIndex((box) => box.value === last), all.indexOf(event.target)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
    last = event.target.value;
  });
  form?.addEventListener('change', show);
}
