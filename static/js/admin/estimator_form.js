/* The form of an estimator: what belongs to the kind that is chosen, and a plot of the OCV table that is meant. */
'use strict';
{
  const kinds = [...document.querySelectorAll('input[name=kind]')];
  const choose = () => {
    const kind = kinds.find((each) => each.checked)?.value;
    for (const part of document.querySelectorAll('fieldset.for-filter')) part.hidden = kind === 'script';
    for (const part of document.querySelectorAll('fieldset.for-script')) part.hidden = kind !== 'script';
    document.dispatchEvent(new Event('ocv'));
  };
  for (const kind of kinds) kind.addEventListener('change', choose);

  const box = document.getElementById('ocv-plot');
  document.querySelector('.field-parameter_ocv_soc')?.closest('fieldset').after(box.closest('fieldset'));
  const field = (name) => document.getElementById(`id_${name}`);
  const read = (id) => { const found = document.getElementById(id); return found ? JSON.parse(found.textContent) : null; };
  const presets = read('ocv-presets') || {};
  const fixed = read('ocv-table');
  const sets = new Map();

  const parsed = (name) => { try { return JSON.parse(field(name)?.value || 'null'); } catch { return undefined; } };
  const ofSet = async (id) => {
    if (!sets.has(id)) {
      const answer = await fetch(`/api/v1/parameter-sets/${id}/`).catch(() => null);
      sets.set(id, answer?.ok ? (await answer.json()).parameters : {});
    }
    return sets.get(id);
  };
  const meant = async () => {
    if (fixed) return fixed;
    const set = field('parameter_set')?.value;
    const whole = parsed('parameters');
    const table = { ...(set ? await ofSet(set) : presets[field('preset')?.value] || {}), ...(whole && typeof whole === 'object' ? whole : {}) };
    for (const name of ['ocv_soc', 'ocv_voltage', 'ocv_interpolation']) {
      const single = parsed(`parameter_${name}`);
      if (single !== null) table[name] = single;
    }
    return table;
  };
  const isList = (value) => Array.isArray(value) && value.length > 1 && value.every((each) => typeof each === 'number');

  const plot = async () => {
    if (!box) return;
    const { ocv_soc: soc, ocv_voltage: voltage } = await meant();
    const why = !soc && !voltage ? 'Choose a preset or a parameter set, or give both rows of the table: its curve is drawn here.'
      : !isList(soc) || !isList(voltage) ? 'The table is not complete: SOC and voltage are lists of numbers, such as [0, 0.5, 1].'
        : soc.length !== voltage.length ? `SOC has ${soc.length} knots and voltage ${voltage.length}; they need as many.` : '';
    const said = document.getElementById('ocv-said');
    said.textContent = why;
    box.hidden = Boolean(why);
    const legend = box.previousElementSibling;
    if (legend?.matches('ul.legend')) legend.hidden = Boolean(why);
    if (why || !box.offsetParent) return;
    const t = soc.map((share) => 100 * share);
    const curve = { t, y: voltage, name: 'between knots, drawn straight', colour: 'series-1', unit: 'V' };
    const knots = { t, y: voltage, name: 'knots', colour: 'series-5', unit: 'V', points: true };
    roviCharts.drawChart(box, { panels: [{ title: 'Open-circuit voltage, V', lines: [curve, knots] }], x: { title: 'SOC, %', range: [-2, 102] }, label: `OCV table of ${soc.length} knots, ${Math.min(...voltage)} to ${Math.max(...voltage)} V` });
  };
  for (const name of ['preset', 'parameter_set', 'parameters', 'parameter_ocv_soc', 'parameter_ocv_voltage']) field(name)?.addEventListener('input', plot);
  document.addEventListener('ocv', plot);
  if (kinds.length) choose(); else plot();
}
