/* Energy of a fleet or of an asset: bars by kind, what is expected, what is known of the time, and days against time of day.

   <div data-energy="/charts/…" data-asset="12">  whence the series come; without an asset they are those of all of them
   <figure class="heat" data-day="/energy?from={from}&to={to}">  where a cell leads to; {quarter} is its beginning, s */
'use strict';
{
  const QUARTER_MS = 900000;
  const WIDTHS = { quarter: QUARTER_MS, day: 96 * QUARTER_MS, month: 28 * 96 * QUARTER_MS };
  const REST_MS = 5000;  // between two looks at what changed
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const moments = (texts) => texts.map((text) => Date.parse(text));
  const shown = (value) => value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 1 ? 4 : 2 }).replace(/,/g, '\u202f');
  const address = (pattern, day, quarter) => {
    const next = new Date(Date.parse(day) + WIDTHS.day).toISOString().slice(0, 10);
    return pattern.replace('{from}', day).replace('{to}', next).replace('{quarter}', quarter / 1000);
  };

  /* --- bars ------------------------------------------------------------------------------------------------------- */
  const stackLimits = (lines, expected) => {
    const up = new Map();
    const down = new Map();
    for (const line of lines) line.t.forEach((at, i) => { const side = line.y[i] < 0 ? down : up; side.set(at, (side.get(at) || 0) + line.y[i]); });
    const high = Math.max(0, ...up.values(), ...(expected ? expected.high || expected.expected : []));
    const low = Math.min(0, ...down.values());
    return [low * 1.05, high > low ? high * 1.08 : 1];
  };

  const drawBars = (box, data) => {
    const width = WIDTHS[data.resolution];
    const bars = data.lines.map((line) => ({ ...line, t: moments(line.t), bars: true, width: width * 0.96, unit: 'kWh' }));
    const lines = [...bars];
    let end = Date.parse(data.span[1]);
    if (data.forecast && data.forecast.t.length) {
      const t = moments(data.forecast.t);
      end = Math.max(end, t[t.length - 1] + width);
      lines.push({ t: t.map((at) => at + width / 2), y: data.forecast.expected, lower: data.forecast.low, upper: data.forecast.high, name: 'expected', legend: `expected (${data.forecast.model}${data.forecast.low ? ', 90 % band' : ''})`, colour: 'series-5', dashed: true, unit: 'kWh' });
    }
    if (data.outlying && data.outlying.drawn && data.outlying.t.length) {
      lines.push({ t: moments(data.outlying.t).map((at) => at + width / 2), y: data.outlying.y, points: true, name: 'unlike other days', colour: 'bad', unit: 'kWh' });
    }
    const panels = [{ title: `kWh a ${data.resolution}`, lines, limits: stackLimits(bars, data.forecast), zero: true, share: 5 }];
    if (data.coverage.t.length) {
      panels.push({ title: 'known, % of the time', limits: [0, 105], lines: [{ t: moments(data.coverage.t), y: data.coverage.share.map((share) => 100 * share), bars: true, width: width, name: 'known', colour: 'muted', unit: '%' }] });
    }
    const wasDrawn = box.classList.contains('js-plotly-plot');
    roviCharts.drawChart(box, { panels, x: { title: 'begins at, UTC', isDate: true, range: [Date.parse(data.span[0]), end] }, label: `Energy a ${data.resolution} of ${data.lines.map((line) => line.name).join(', ')}` }, { keepY: wasDrawn });
    box.removeAttribute('aria-busy');
  };

  /* --- days against time of day ----------------------------------------------------------------------------------- */
  const mixed = (from, to, share) => [1, 3, 5].map((i) => Math.round(parseInt(from.slice(i, i + 2), 16) * (1 - share) + parseInt(to.slice(i, i + 2), 16) * share));
  const clock = (column) => `${String(Math.floor(column / 4)).padStart(2, '0')}:${String((column % 4) * 15).padStart(2, '0')}`;

  class Heat {
    constructor(figure) {
      this.figure = figure;
      this.canvas = figure.querySelector('canvas');
      this.mark = figure.querySelector('.heat-mark');
      this.note = figure.parentElement.querySelector('.heat-note');
      this.at = null;
      this.canvas.addEventListener('mousemove', (event) => this.point(this.cellAt(event)));
      this.canvas.addEventListener('mouseleave', () => { if (document.activeElement !== this.canvas) this.leave(); });
      this.canvas.addEventListener('click', (event) => { this.point(this.cellAt(event)); this.open(); });
      this.canvas.addEventListener('focus', () => this.point(this.at || [this.data.heat.days.length - 1, 0]));
      this.canvas.addEventListener('blur', () => this.leave());
      this.canvas.addEventListener('keydown', (event) => this.press(event));
    }

    draw(data) {
      this.data = data;
      this.figure.hidden = !data.heat;
      if (!data.heat) { this.note.textContent = data.left_out || 'Drawn for ranges of up to 62 days.'; return; }
      const { days, kwh } = data.heat;
      const values = kwh.flat().filter((value) => value !== null).sort((a, b) => a - b);
      this.most = values.length ? values[Math.floor((values.length - 1) * 0.98)] || 1 : 1;
      const [light, strong, none] = [token('--heat-low'), token('--heat-high'), token('--heat-none')];
      this.canvas.width = 96;
      this.canvas.height = days.length;
      const context = this.canvas.getContext('2d');
      const image = context.createImageData(96, days.length);
      kwh.forEach((day, row) => day.forEach((value, column) => {
        const colour = value === null ? mixed(none, none, 0) : mixed(light, strong, Math.min(1, Math.max(0, value / this.most)));
        image.data.set([...colour, 255], 4 * (96 * row + column));
      }));
      context.putImageData(image, 0, 0);
      this.canvas.style.height = `${Math.max(96, Math.min(340, 16 * days.length))}px`;
      this.canvas.setAttribute('aria-label', `Energy by day and time of day, ${days[0]} to ${days[days.length - 1]}; up to ${shown(values[values.length - 1] || 0)} kWh a quarter. Arrows move, Enter opens.`);
      this.figure.querySelector('.heat-first').textContent = days[0].slice(5);
      this.figure.querySelector('.heat-last').textContent = days.length > 1 ? days[days.length - 1].slice(5) : '';
      this.figure.querySelector('.heat-most').textContent = `${shown(this.most)} kWh a quarter${values[values.length - 1] > this.most ? ' and more' : ''}`;
      if (this.at) this.point([Math.min(this.at[0], days.length - 1), this.at[1]]); else this.leave();
    }

    cellAt(event) {
      const box = this.canvas.getBoundingClientRect();
      const place = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
      return [place((event.clientY - box.top) / box.height, this.data.heat.days.length), place((event.clientX - box.left) / box.width, 96)];
    }

    point([row, column]) {
      const { days, kwh } = this.data.heat;
      this.at = [row, column];
      const value = kwh[row][column];
      this.note.textContent = `${days[row]} ${clock(column)} UTC: ${value === null ? 'nothing is known' : `${shown(value)} kWh`}`;
      const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = this.canvas;
      Object.assign(this.mark.style, { left: `${offsetLeft + (column / 96) * offsetWidth}px`, top: `${offsetTop + (row / days.length) * offsetHeight}px`, width: `${offsetWidth / 96}px`, height: `${offsetHeight / days.length}px` });
      this.mark.hidden = false;
    }

    leave() {
      this.at = null;
      this.mark.hidden = true;
      this.note.textContent = 'A cell opens its day.';
    }

    open() {
      const day = this.data.heat.days[this.at[0]];
      location.href = address(this.figure.dataset.day, day, Date.parse(day) + this.at[1] * QUARTER_MS);
    }

    press(event) {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (event.key === 'Enter') { this.open(); return; }
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.point([Math.max(0, Math.min(this.data.heat.days.length - 1, this.at[0] + step[0])), Math.max(0, Math.min(95, this.at[1] + step[1]))]);
    }
  }

  /* --- quarters that are unlike other days ------------------------------------------------------------------------ */
  const MOST_LISTED = 12;
  const listStrange = (box, data, pattern) => {
    const strange = data.outlying ? data.outlying.t : [];
    box.hidden = !strange.length;
    if (!strange.length) return;
    box.querySelector('h3').textContent = `${strange.length === 1 ? 'One quarter is' : `${strange.length} quarters are`} unlike the same time of other days${strange.length > MOST_LISTED ? `; the first ${MOST_LISTED}` : ''}`;
    box.querySelector('ul').replaceChildren(...strange.slice(0, MOST_LISTED).map((at, i) => {
      const item = document.createElement('li');
      const link = item.appendChild(document.createElement('a'));
      link.href = address(pattern, at.slice(0, 10), Date.parse(at));
      link.textContent = `${at.slice(0, 10)} ${at.slice(11, 16)}`;
      item.append(` ${shown(data.outlying.y[i])} kWh`);
      return item;
    }));
  };

  /* --- the page --------------------------------------------------------------------------------------------------- */
  const box = document.querySelector('[data-energy]');
  if (box) {
    const heat = new Heat(document.querySelector('.heat'));
    const strange = document.querySelector('.strange');
    let notBefore = 0;
    let isWanted = false;
    const draw = async () => {
      isWanted = false;
      notBefore = Infinity;
      try {
        const answer = await fetch(box.dataset.energy, { cache: 'no-store' });
        const data = await answer.json().catch(() => ({}));
        if (!answer.ok) throw new TypeError(data.error || `the server answered ${answer.status}`);
        if (data.lines.length) {
          drawBars(box, data);
          heat.draw(data);
          listStrange(strange, data, heat.figure.dataset.day);
        } else {
          box.textContent = 'Nothing is known in this range.';
          heat.figure.hidden = true;
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;  // the network's errors are TypeErrors
        if (!box.classList.contains('js-plotly-plot')) box.textContent = `The series could not be read: ${error.message}.`;
      }
      notBefore = Date.now() + REST_MS;
    };
    const redraw = () => { if (heat.data) heat.draw(heat.data); };
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    document.addEventListener('rovi:changed', (event) => {
      const changed = event.detail?.asset;
      if (changed && (!box.dataset.asset || changed.includes(Number(box.dataset.asset)))) isWanted = true;
    });
    setInterval(() => { if (isWanted && Date.now() > notBefore && !document.hidden) draw(); }, 1000);
    draw();
  }
}
