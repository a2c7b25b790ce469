/* Energy of a fleet or of an asset: bars by kind, what is expected, what is known of the time, and days against time of day.

   <div data-energy="/charts/…" data-asset="12" data-zone="Europe/Berlin">  whence the series come; without an asset they are
       those of all of them; in which zone days begin
   <figure class="heat" data-day="/energy?from={from}&to={to}">  where a cell leads to; {quarter} is its beginning, s */
'use strict';
{
  const QUARTER_MS = 900000;
  const WIDTHS = { quarter: QUARTER_MS, day: 96 * QUARTER_MS, month: 28 * 96 * QUARTER_MS };
  const REST_MS = 5000;  // between two looks at what changed
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const moments = (texts) => texts.map((text) => Date.parse(text));
  const grouped = (value) => value.toLocaleString('en-US', { maximumSignificantDigits: Math.abs(value) < 100 ? 3 : 6 }).replace(/,/g, '\u202f');
  const SMALL = 0.1;  // kWh; what is less is told in Wh
  const shown = (value) => (value !== 0 && Math.abs(value) < SMALL ? `${grouped(1000 * value)} Wh` : `${grouped(value)} kWh`);
  const address = (pattern, day, quarter) => {
    const next = new Date(Date.parse(day) + WIDTHS.day).toISOString().slice(0, 10);
    return pattern.replace('{from}', day).replace('{to}', next).replace('{quarter}', quarter / 1000);
  };

  /* --- bars ------------------------------------------------------------------------------------------------------- */
  const stackLimits = (lines, expected) => {
    const up = new Map();
    const down = new Map();
    for (const line of lines) line.t.forEach((at, i) => { const side = line.y[i] < 0 ? down : up; side.set(at, (side.get(at) || 0) + line.y[i]); });
    const high = Math.max(0, ...up.values(), ...(expected ? expected.upper || expected.y : []));
    const low = Math.min(0, ...down.values());
    return [low * 1.05, high > low ? high * 1.08 : 1];
  };

  const labelOf = (at, zone) => {
    const stamp = roviZones.stamp(at, zone);
    return `${stamp.slice(0, 10)} ${stamp.slice(11, 16)} ${zone === 'UTC' ? zone : stamp.slice(19)}`;
  };

  const unitOf = (data) => {
    const values = [...data.lines.flatMap((line) => line.y), ...(data.forecast?.expected || [])];
    const most = values.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
    return most > 0 && most < SMALL ? ['Wh', 1000] : ['kWh', 1];
  };

  const drawBars = (box, data) => {
    const width = WIDTHS[data.resolution];
    const [unit, factor] = unitOf(data);
    const scaled = (values) => values && values.map((value) => value * factor);
    const bars = data.lines.map((line) => ({ ...line, t: moments(line.t), y: scaled(line.y), bars: true, width: width * 0.96, unit }));
    const lines = [...bars];
    let end = Date.parse(data.span[1]);
    if (data.forecast && data.forecast.t.length) {
      const t = moments(data.forecast.t);
      end = Math.max(end, t[t.length - 1] + width);
      const [y, lower, upper] = ['expected', 'low', 'high'].map((name) => scaled(data.forecast[name]));
      lines.push({ t: t.map((at) => at + width / 2), y, lower, upper, name: 'expected', legend: `expected (${data.forecast.model}${data.forecast.low ? ', 90 % band' : ''})`, colour: 'series-5', dashed: true, unit });
    }
    if (data.outlying && data.outlying.drawn && data.outlying.t.length) {
      lines.push({ t: moments(data.outlying.t).map((at) => at + width / 2), y: scaled(data.outlying.y), points: true, name: 'unlike other days', colour: 'bad', unit });
    }
    const panels = [{ title: `${unit} a ${data.resolution}`, lines, limits: stackLimits(bars, lines.find((line) => line.dashed)), zero: true, share: 5 }];
    if (data.coverage.t.length) {
      panels.push({ title: 'known, % of the time', limits: [0, 105], lines: [{ t: moments(data.coverage.t), y: data.coverage.share.map((share) => 100 * share), bars: true, width, name: 'known', colour: 'edge', unit: '%', unlisted: true }] });
    }
    const wasDrawn = box.classList.contains('js-plotly-plot');
    const begins = [...new Set(lines.flatMap((line) => line.t.map((at) => (line.bars ? at : at - width / 2))))].sort((a, b) => a - b);
    const told = { t: begins.map((at) => at + width / 2), words: begins.map((at) => labelOf(at, data.zone)) };
    roviCharts.drawChart(box, { panels, x: { title: `begins at, ${data.zone}`, isDate: true, zone: data.zone, told, range: [Date.parse(data.span[0]), end] }, label: `Energy a ${data.resolution} of ${data.lines.map((line) => line.name).join(', ')}` }, { keepY: wasDrawn });
    box.removeAttribute('aria-busy');
  };

  /* --- days against time of day ----------------------------------------------------------------------------------- */
  const mixed = (from, to, share) => [1, 3, 5].map((i) => Math.round(parseInt(from.slice(i, i + 2), 16) * (1 - share) + parseInt(to.slice(i, i + 2), 16) * share));
  const HOURS = ['00:00', '06:00', '12:00', '18:00'];

  /* Rows are days, columns times of the day. A cell is null where nothing is known, false where the day has no such time. */
  class Heat {
    constructor(figure, zone) {
      this.figure = figure;
      this.zone = zone;
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
      const { days, kwh, clocks } = data.heat;
      const values = kwh.flat().filter((value) => typeof value === 'number').sort((a, b) => a - b);
      const greatest = values[values.length - 1] || 0;
      this.most = values[Math.floor((values.length - 1) * 0.98)] || greatest || 1;
      const [light, strong, none] = [token('--heat-low'), token('--heat-high'), token('--heat-none')];
      this.canvas.width = clocks.length;
      this.canvas.height = days.length;
      const context = this.canvas.getContext('2d');
      const image = context.createImageData(clocks.length, days.length);
      kwh.forEach((day, row) => day.forEach((value, column) => {
        if (value === false) return;
        const colour = value === null ? mixed(none, none, 0) : mixed(light, strong, Math.min(1, Math.max(0, value / this.most)));
        image.data.set([...colour, 255], 4 * (clocks.length * row + column));
      }));
      context.putImageData(image, 0, 0);
      this.canvas.style.height = `${Math.max(96, Math.min(340, 16 * days.length))}px`;
      this.canvas.setAttribute('aria-label', `Energy by day and time of day, ${days[0]} to ${days[days.length - 1]}; up to ${shown(greatest)} a quarter. Arrows move, Enter opens.`);
      this.figure.querySelector('.heat-first').textContent = days[0].slice(5);
      this.figure.querySelector('.heat-last').textContent = days.length > 1 ? days[days.length - 1].slice(5) : '';
      this.figure.querySelector('.heat-most').textContent = `${shown(this.most)} a quarter${greatest > this.most ? ' and more' : ''}`;
      this.nameHours(clocks);
      const absent = this.figure.querySelector('.heat-absent');
      absent.hidden = !kwh.some((day) => day.includes(false));
      absent.textContent = 'blank: no such time on that day, as clocks are changed';
      if (this.at) this.point([Math.min(this.at[0], days.length - 1), Math.min(this.at[1], clocks.length - 1)]); else this.leave();
    }

    nameHours(clocks) {
      const marks = [...HOURS.map((hour) => [hour, clocks.indexOf(hour)]).filter(([, place]) => place >= 0), ['24:00', clocks.length]];
      this.figure.querySelector('.heat-hours').replaceChildren(...marks.map(([hour, place]) => {
        const mark = document.createElement('span');
        mark.textContent = hour;
        mark.style.left = `${(100 * place) / clocks.length}%`;
        return mark;
      }));
    }

    cellAt(event) {
      const box = this.canvas.getBoundingClientRect();
      const place = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
      const { days, clocks } = this.data.heat;
      return [place((event.clientY - box.top) / box.height, days.length), place((event.clientX - box.left) / box.width, clocks.length)];
    }

    startOf([row, column]) {
      const { begins, kwh } = this.data.heat;
      return Date.parse(begins[row]) + QUARTER_MS * kwh[row].slice(0, column).filter((value) => value !== false).length;
    }

    point([row, column]) {
      const { days, kwh, clocks } = this.data.heat;
      this.at = [row, column];
      const value = kwh[row][column];
      const zone = this.zone === 'UTC' ? ' UTC' : ` ${roviZones.stamp(this.startOf(this.at), this.zone).slice(-6)}`;
      this.note.textContent = `${days[row]} ${clocks[column]}${value === false ? ': no such time' : `${zone}: ${value === null ? 'nothing is known' : shown(value)}`}`;
      const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = this.canvas;
      Object.assign(this.mark.style, { left: `${offsetLeft + (column / clocks.length) * offsetWidth}px`, top: `${offsetTop + (row / days.length) * offsetHeight}px`, width: `${offsetWidth / clocks.length}px`, height: `${offsetHeight / days.length}px` });
      this.mark.hidden = false;
    }

    leave() {
      this.at = null;
      this.mark.hidden = true;
      this.note.textContent = 'A cell opens its day.';
    }

    open() {
      location.href = address(this.figure.dataset.day, this.data.heat.days[this.at[0]], this.startOf(this.at));
    }

    press(event) {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (event.key === 'Enter') { this.open(); return; }
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const { days, clocks, kwh } = this.data.heat;
      let [row, column] = this.at;
      do { row += step[0]; column += step[1]; } while (kwh[row]?.[column] === false);
      if (row >= 0 && row < days.length && column >= 0 && column < clocks.length) this.point([row, column]);
    }
  }

  /* --- quarters that are unlike other days ------------------------------------------------------------------------ */
  const MOST_LISTED = 12;
  const listStrange = (box, data, pattern, zone) => {
    const strange = data.outlying ? data.outlying.t : [];
    box.hidden = !strange.length;
    if (!strange.length) return;
    box.querySelector('h3').textContent = `${strange.length === 1 ? 'One quarter is' : `${strange.length} quarters are`} unlike the same time of other days${strange.length > MOST_LISTED ? `; the first ${MOST_LISTED}` : ''}`;
    box.querySelector('ul').replaceChildren(...strange.slice(0, MOST_LISTED).map((at, i) => {
      const item = document.createElement('li');
      const link = item.appendChild(document.createElement('a'));
      const local = roviZones.stamp(Date.parse(at), zone);
      link.href = address(pattern, local.slice(0, 10), Date.parse(at));
      link.textContent = `${local.slice(0, 10)} ${local.slice(11, 16)}`;
      item.append(` ${shown(data.outlying.y[i])}`);
      return item;
    }));
  };

  /* --- the page --------------------------------------------------------------------------------------------------- */
  const here = new URL(location.href);
  const zones = document.getElementById('tz');
  if (zones) {
    const local = roviZones.here();
    const known = [...zones.options].find((option) => option.value === local);
    if (local !== 'UTC') (known || zones.appendChild(new Option('', local))).textContent = `Local time (${local})`;
    zones.addEventListener('change', () => {
      here.searchParams.set('tz', zones.value);
      location.assign(here);
    });
    if (here.searchParams.get('tz') === 'local') {
      here.searchParams.set('tz', local);
      location.replace(here);
    }
  }

  const box = document.querySelector('[data-energy]');
  if (box) {
    const figure = document.querySelector('.heat');
    const heat = figure && new Heat(figure, box.dataset.zone);
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
        if (data.lines.length || data.forecast) {
          drawBars(box, data);
          if (heat) {
            heat.draw(data);
            listStrange(strange, data, figure.dataset.day, box.dataset.zone);
          }
        } else {
          box.textContent = 'Nothing is known in this range.';
          if (heat) figure.hidden = true;
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;  // the network's errors are TypeErrors
        if (!box.classList.contains('js-plotly-plot')) box.textContent = `The series could not be read: ${error.message}.`;
      }
      notBefore = Date.now() + REST_MS;
    };
    const redraw = () => { if (heat?.data) heat.draw(heat.data); };
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    document.addEventListener('rovi:changed', (event) => {
      const changed = event.detail?.asset;
      if (changed && (!box.dataset.asset || changed.includes(Number(box.dataset.asset)))) isWanted = true;
    });
    // Keys: half a window to either side, half or twice the time, all of it.
    document.addEventListener('rovi:move', (event) => {
      const [start, end] = [Number(box.dataset.start), Number(box.dataset.end)];
      if (!end) return;
      const key = event.detail;
      const span = end - start;
      const shift = key === 'ArrowLeft' ? -span / 2 : key === 'ArrowRight' ? span / 2 : 0;
      const grow = key === '+' ? -span / 4 : key === '-' ? span / 2 : 0;
      const at = (seconds) => roviZones.stamp(Math.round(seconds / 900) * QUARTER_MS, 'UTC');
      here.searchParams.set('from', key === '0' ? 'start' : at(start + shift - grow));
      if (key === '0') here.searchParams.delete('to'); else here.searchParams.set('to', at(end + shift + grow));
      location.assign(here);
    });
    setInterval(() => { if (isWanted && Date.now() > notBefore && !document.hidden) draw(); }, 1000);
    draw();
  }
}
