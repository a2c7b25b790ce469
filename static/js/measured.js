/* The charts of what was measured: capacity and efficiency over cycles, resistance over test time. */
'use strict';
{
  const box = document.getElementById('measured');
  const SD = 1.96;
  const LEAST_PAUSE = 10000;
  const UNITS = [[600, 1, 's'], [4 * 3600, 60, 'min'], [4 * 86400, 3600, 'h'], [3 * 365.25 * 86400, 86400, 'd'], [Infinity, 365.25 * 86400, 'y']];
  const element = (id) => document.getElementById(id);
  const thin = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
  const has = (values) => !!values && values.some((value) => value !== null);
  const ends = (values) => [values[0], values[values.length - 1]];
  const around = (mean, sd, sign) => mean.map((value, i) => (value === null || sd[i] === null ? null : value + sign * SD * sd[i]));
  let hasDrawn = false;
  let notBefore = 0;
  let isWanted = false;

  const padded = ([low, high]) => (low === high ? [low - 0.5, high + 0.5] : [low - 0.02 * (high - low), high + 0.02 * (high - low)]);
  const newest = (line) => { const known = line.y.filter((value) => value !== null); return known.length ? `${line.name} newest ${known[known.length - 1].toPrecision(4)} ${line.unit}` : ''; };
  const draw = (id, panel, x, what) => {
    const label = `${what}: ${panel.lines.map(newest).filter(Boolean).join('; ')}`;
    roviCharts.drawChart(element(id), { panels: [panel], x, label }, { keepY: hasDrawn });
  };
  const empty = (id, sentence) => { element(id).textContent = sentence; };

  const drawCapacity = (cycles, x) => {
    const t = cycles.cycle;
    const lines = [];
    const isTold = has(cycles.full) || has(cycles.scaled);
    const { cycle, mean, sd } = cycles.estimated;
    if (cycle.length) lines.push({ name: 'estimated', legend: 'estimated, 95 % band', unit: 'Ah', colour: 'series-3', t: cycle, y: mean, lower: around(mean, sd, -1), upper: around(mean, sd, 1), bandInScale: !isTold });
    if (has(cycles.full)) lines.push({ name: 'measured, full', unit: 'Ah', colour: 'series-1', points: true, t, y: cycles.full, sd: cycles.full_sd });
    if (has(cycles.scaled)) lines.push({ name: 'measured, scaled', unit: 'Ah', colour: 'series-2', points: true, t, y: cycles.scaled, sd: cycles.scaled_sd });
    if (!isTold) lines.push({ name: 'discharged', unit: 'Ah', colour: 'series-1', points: true, t, y: cycles.discharge });
    if (has(cycles.truth)) lines.push({ name: 'true capacity', unit: 'Ah', colour: 'series-5', dashed: true, t, y: cycles.truth });
    draw('chart-cycles', { title: 'Ah', lines }, x, 'Capacity over cycles');
    const part = cycles.shown < cycles.total ? `${thin(cycles.shown)} of ${thin(cycles.total)} cycles shown` : `${thin(cycles.total)} cycles`;
    element('note-cycles').textContent = isTold ? part : `${part}; none tells the capacity, so what it discharged is shown`;
  };

  const drawEfficiency = (cycles, x) => {
    const t = cycles.cycle;
    const lines = [
      { name: 'coulombic', unit: '%', colour: 'series-1', points: true, t, y: cycles.efficiency },
      { name: 'energy', unit: '%', colour: 'series-2', points: true, t, y: cycles.energy_efficiency },
    ].filter((line) => has(line.y));
    if (!lines.length) { empty('chart-efficiency', 'No cycle came back to where it began, so none tells an efficiency.'); return; }
    draw('chart-efficiency', { title: '%', lines }, x, 'Efficiency over cycles');
  };

  const drawResistance = (steps) => {
    const known = steps.t.length ? ends(steps.t) : ends(steps.estimated.t);
    const unit = UNITS.find(([most]) => known[1] - known[0] < most);
    const scaled = (t) => t.map((value) => value / unit[1]);
    const lines = [];
    if (steps.estimated) {
      const { t, mean, sd } = steps.estimated;
      lines.push({ name: 'estimated R0', legend: 'estimated R0, 95 % band', unit: 'mΩ', colour: 'series-4', t: scaled(t), y: mean, lower: around(mean, sd, -1), upper: around(mean, sd, 1), bandInScale: !steps.t.length });
    }
    const t = scaled(steps.t);
    if (has(steps.charge)) lines.push({ name: 'measured, charging', unit: 'mΩ', colour: 'series-1', points: true, t, y: steps.charge, sd: steps.sd });
    if (has(steps.discharge)) lines.push({ name: 'measured, discharging', unit: 'mΩ', colour: 'series-2', points: true, t, y: steps.discharge, sd: steps.sd });
    if (steps.truth) lines.push({ name: 'true R0', unit: 'mΩ', colour: 'series-5', dashed: true, t: scaled(steps.truth.t), y: steps.truth.mean });
    draw('chart-steps', { title: 'mΩ', lines }, { title: `test time, ${unit[2]}`, range: padded(known.map((value) => value / unit[1])) }, 'Resistance over test time');
    element('note-steps').textContent = steps.t.length ? `${thin(steps.total)} steps, over at most ${steps.longest_delay.toPrecision(2)} s` : 'no step that shows one';
  };

  const load = async () => {
    if (Date.now() < notBefore) { isWanted = true; return; }
    isWanted = false;
    notBefore = Date.now() + LEAST_PAUSE;
    try {
      const answer = await fetch(box.dataset.series, { cache: 'no-store' });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      const { cycles, resistance } = await answer.json();
      if (cycles.cycle.length) {
        const x = { title: 'cycle', range: padded(ends(cycles.cycle)) };
        drawCapacity(cycles, x);
        drawEfficiency(cycles, x);
      } else for (const id of ['chart-cycles', 'chart-efficiency']) empty(id, 'No cycle has ended so far.');
      if (resistance.t.length || resistance.estimated) drawResistance(resistance);
      else empty('chart-steps', 'No step of current that shows a resistance so far, and no estimate.');
      hasDrawn = true;
    } catch (error) {
      if (!hasDrawn) for (const chart of box.querySelectorAll('.chart-wait')) chart.textContent = `The measurements could not be read: ${error.message}`;
    }
  };

  if (box) {
    document.addEventListener('rovi:changed', (event) => {
      const id = Number(box.dataset.series.match(/\/(\d+)\/measured$/)[1]);
      if (!event.detail || (event.detail.battery || []).includes(id) || event.detail.estimator) load();
    });
    setInterval(() => { if (isWanted) load(); }, 1000);
    load();
  }
}
