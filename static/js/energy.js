/* Energy of a fleet or of an asset: bars by kind, what is expected, what is known of the time, and days against time of day. */
'use strict';
{
  const MINUTES = { quarter: 15, day: 1440 };
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const moments = (texts) => texts.map((text) => Date.parse(text));
  const shown = (value) => value.toLocaleString('en-US', { maximumFractionDigits: 2 }).replace(/,/g, '\u202f');

  const stackLimits = (lines, expected) => {
    const up = new Map();
    const down = new Map();
    for (const line of lines) line.t.forEach((at, i) => { const side = line.y[i] < 0 ? down : up; side.set(at, (side.get(at) || 0) + line.y[i]); });
    const tops = [...up.values(), ...(expected ? expected.high || expected.expected : [])];
    const high = Math.max(0, ...tops);
    const low = Math.min(0, ...down.values());
    return [low * 1.05, high > low ? high * 1.08 : 1];
  };

  const drawBars = (box, data) => {
    const chart = document.createElement('div');
    chart.className = 'chart chart-tall';
    box.classList.remove('chart-wait', 'chart-tall');  // the chart has its own height, its legend stands above it
    box.replaceChildren(chart);
    const width = data.resolution in MINUTES ? MINUTES[data.resolution] * 60000 : 28 * 86400000;
    const bars = data.lines.map((line) => ({ ...line, t: moments(line.t), bars: true, width: width * 0.96, unit: 'kWh' }));
    const lines = [...bars];
    if (data.forecast && data.forecast.t.length) {
      const middle = moments(data.forecast.t).map((at) => at + width / 2);
      lines.push({ t: middle, y: data.forecast.expected, lower: data.forecast.low, upper: data.forecast.high, name: 'expected', legend: `expected (${data.forecast.model}${data.forecast.low ? ', 90 % band' : ''})`, colour: 'series-5', dashed: true, unit: 'kWh' });
    }
    if (data.outlying && data.outlying.drawn && data.outlying.t.length) {
      lines.push({ t: moments(data.outlying.t).map((at) => at + width / 2), y: data.outlying.y, points: true, name: 'unlike other days', colour: 'bad', unit: 'kWh' });
    }
    const panels = [{ title: `kWh a ${data.resolution}`, lines, limits: stackLimits(bars, data.forecast), zero: true }];
    if (data.coverage.t.length) {
      panels.push({ title: '% of the time is known', limits: [0, 105], lines: [{ t: moments(data.coverage.t), y: data.coverage.share.map((share) => 100 * share), bars: true, width: width * 0.96, name: 'known', colour: 'series-3', unit: '%' }] });
    }
    const all = lines.flatMap((line) => [line.t[0], line.t[line.t.length - 1] + width]);
    roviCharts.drawChart(chart, { panels, x: { title: 'begins at, UTC', isDate: true, range: [Math.min(...all), Math.max(...all)] }, label: `Energy a ${data.resolution} of ${data.lines.map((line) => line.name).join(', ')}` });
  };

  /* --- days against time of day ----------------------------------------------------------------------------------- */
  const mixed = (from, to, share) => [1, 3, 5].map((i) => Math.round(parseInt(from.slice(i, i + 2), 16) * (1 - share) + parseInt(to.slice(i, i + 2), 16) * share));

  const drawHeat = (figure, data) => {
    if (!data.heat) { figure.parentElement.querySelector('.heat-note').textContent = data.left_out || 'A day against the time of day is drawn for ranges up to 62 days.'; return; }
    const canvas = figure.querySelector('canvas');
    const { days, kwh } = data.heat;
    const values = kwh.flat().filter((value) => value !== null).sort((a, b) => a - b);
    const most = values.length ? values[Math.floor((values.length - 1) * 0.98)] || 1 : 1;
    const [light, strong, none] = [token('--surface'), token('--series-1'), token('--sunk')];
    canvas.width = 96;
    canvas.height = days.length;
    const context = canvas.getContext('2d');
    const image = context.createImageData(96, days.length);
    kwh.forEach((day, row) => day.forEach((value, column) => {
      const [r, g, b] = value === null ? mixed(none, none, 0) : mixed(light, strong, Math.min(1, Math.max(0.04, value / most)));
      image.data.set([r, g, b, 255], 4 * (96 * row + column));
    }));
    context.putImageData(image, 0, 0);
    canvas.setAttribute('aria-label', `Energy by day and time of day, ${days[0]} to ${days[days.length - 1]}; up to ${shown(values[values.length - 1] || 0)} kWh a quarter`);
    figure.querySelector('.heat-first').textContent = days[0];
    figure.querySelector('.heat-last').textContent = days[days.length - 1];
    figure.parentElement.querySelector('.heat-note').textContent = `0 to ${shown(most)} kWh a quarter; grey: nothing is known`;
    canvas.onmousemove = (event) => {
      const box = canvas.getBoundingClientRect();
      const row = Math.min(days.length - 1, Math.floor(((event.clientY - box.top) / box.height) * days.length));
      const column = Math.min(95, Math.floor(((event.clientX - box.left) / box.width) * 96));
      const value = kwh[row][column];
      const time = `${String(Math.floor(column / 4)).padStart(2, '0')}:${String((column % 4) * 15).padStart(2, '0')}`;
      figure.parentElement.querySelector('.heat-note').textContent = `${days[row]} ${time} UTC: ${value === null ? 'nothing is known' : `${shown(value)} kWh`}`;
    };
  };

  const listStrange = (box, data) => {
    const strange = data.outlying ? data.outlying.t : [];
    box.hidden = !strange.length;
    if (!strange.length) return;
    box.querySelector('.strange-count').textContent = String(strange.length);
    box.querySelector('ul').replaceChildren(...strange.slice(0, 12).map((at, i) => {
      const item = document.createElement('li');
      item.textContent = `${at.replace('T', ' ').slice(0, 16)} UTC: ${shown(data.outlying.y[i])} kWh`;
      return item;
    }));
  };

  const box = document.querySelector('[data-energy]');
  const draw = async () => {
    const answer = await fetch(box.dataset.energy, { cache: 'no-store' });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) { box.textContent = data.error || `The series could not be read: the server answered ${answer.status}.`; return; }
    if (!data.lines.length) { box.textContent = 'Nothing is known in this range.'; return; }
    drawBars(box, data);
    drawHeat(document.querySelector('.heat'), data);
    listStrange(document.querySelector('.strange'), data);
    new MutationObserver(() => drawHeat(document.querySelector('.heat'), data)).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  };
  if (box) {
    draw();
    // The live page replaces the tiles when readings came; then the chart is fetched again.
    const tiles = document.querySelector('[data-live="tiles"]');
    if (tiles) new MutationObserver(draw).observe(tiles, { childList: true, subtree: true });
  }
}
