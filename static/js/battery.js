/* The charts of a battery: one time range for all, kept in the address; newer rows are added while the end is followed. */
'use strict';
{
  const box = document.getElementById('charts');
  const UNITS = [[600, 1, 's'], [4 * 3600, 60, 'min'], [4 * 86400, 3600, 'h'], [3 * 365.25 * 86400, 86400, 'd'], [Infinity, 365.25 * 86400, 'y']];
  const MOST_POINTS = 4000;
  const element = (id) => document.getElementById(id);
  const COLOURS = { voltage: 'series-1', current: 'series-2', temperature: 'series-4' };
  const thin = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');

  let data = null;          // what the charts show
  let zoom = null;          // [from, to] in seconds while the charts are zoomed and following is paused
  let pausedAt = 0;         // rows when the pause began
  let pausedSince = '';     // and the time, UTC
  let isFetching = false;
  let isWanted = false;
  let notBefore = 0;
  let countNotBefore = 0;   // of its own, so that counting new rows never delays what a zoom asks for
  let unit = UNITS[0];
  let revision = 0;

  const params = () => new URLSearchParams(location.search);
  const asked = () => (zoom ? { from: String(zoom[0]), to: String(zoom[1]) } : { from: params().get('from') || '', to: params().get('to') || '' });

  const fetchSeries = async (after) => {
    const query = new URLSearchParams(asked());
    if (after !== null) { query.set('after', String(after.rows)); query.set('after_estimate', String(after.estimates)); query.set('after_series', after.series); }
    const answer = await fetch(`${box.dataset.series}?${query}`, { cache: 'no-store' });
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.json();
  };

  /* --- drawing ----------------------------------------------------------------------------------------------------- */
  // Test time in a unit that suits the range; or, where the rows tell it, the clock: milliseconds as Plotly's dates have them,
  // which it shows as UTC, so that local time is shifted by the zone's offset at that moment.
  const clockOf = () => {
    if (!data || data.clock_offset === null || data.clock_offset === undefined || params().get('clock') === 'test') return null;
    return params().get('tz') === 'local' ? 'local' : 'utc';
  };
  const toX = (t) => {
    const clock = clockOf();
    if (!clock) return t / unit[1];
    const ms = (t + data.clock_offset) * 1000;
    return clock === 'utc' ? ms : ms - new Date(ms).getTimezoneOffset() * 60000;
  };
  const fromX = (x) => {
    const clock = clockOf();
    if (!clock) return x * unit[1];
    const ms = typeof x === 'number' ? x : Date.parse(`${String(x).replace(' ', 'T')}Z`);
    return (clock === 'utc' ? ms : ms + new Date(ms).getTimezoneOffset() * 60000) / 1000 - data.clock_offset;
  };
  const zone = () => (clockOf() === 'utc' ? 'UTC' : `local time (${Intl.DateTimeFormat().resolvedOptions().timeZone})`);
  const scaled = (t) => t.map((value) => (value === null ? null : toX(value)));
  const range = () => [toX(data.range.start), toX(data.range.end)];
  const xAxis = () => (clockOf() ? { title: zone(), range: range(), isDate: true } : { title: `test time, ${unit[2]}`, range: range() });
  const last = (values) => { for (let i = values.length - 1; i >= 0; i -= 1) if (values[i] !== null) return values[i]; return null; };
  const digits = (value, n) => (value === null || value === undefined ? '—' : value.toFixed(n).replace('-', '−'));

  const drawRows = (keepY) => {
    const chart = element('chart-rows');
    if (!chart) return;
    if (!data.rows.lines.length) { chart.textContent = data.empty || 'These rows have no column of numbers to draw.'; return; }
    const panels = data.rows.lines.map((line, i) => ({
      title: line.title, zero: line.key === 'current',
      lines: [{ name: line.name, unit: line.unit.split(',')[0], t: scaled(line.t), y: line.y, colour: COLOURS[line.key] || `series-${i + 1}` }],
    }));
    const label = 'Rows over test time. ' + data.rows.lines.map((line) => `${line.title}: newest ${digits(last(line.y), 3)}`).join('; ');
    roviCharts.drawChart(chart, { panels, x: xAxis(), label, events: eventsIn() }, { keepY, onRange });
    element('note-rows').textContent = data.rows.shown < data.rows.rows ? `${thin(data.rows.shown)} of ${thin(data.rows.rows)} rows shown` : `${thin(data.rows.rows)} rows`;
  };

  const SD = 1.96;
  const healthPanel = (key, title, name, unitName, colour, truthLegend) => {
    const health = data.health;
    const truth = data.truth;
    const lines = [];
    if (health && health[key]) {
      const { t, mean, sd } = health[key];
      lines.push({
        name, legend: `${name}, 95 % band`, unit: unitName, colour, t: scaled(t), y: mean, bandInScale: key !== 'soc',
        lower: mean.map((value, i) => (value === null || sd[i] === null ? null : value - SD * sd[i])),
        upper: mean.map((value, i) => (value === null || sd[i] === null ? null : value + SD * sd[i])),
      });
    }
    if (truth && truth[key]) lines.push({ name: truthLegend, unit: unitName, colour: 'series-5', dashed: true, t: scaled(truth[key].t), y: truth[key].mean });
    return { title, lines };
  };
  const summary = (what, panel) => `${what}: ` + (panel.lines.map((line) => `${line.name} newest ${digits(last(line.y), 3)} ${line.unit}`).join('; ') || 'no estimate yet');

  const drawHealth = (keepY) => {
    const parts = [
      ['soc', 'chart-soc', 'note-soc', healthPanel('soc', 'SOC, %', 'SOC', '%', 'series-1', 'true SOC'), 'State of charge'],
      ['q_t', 'chart-capacity', 'note-capacity', healthPanel('q_t', 'Capacity, Ah', 'Capacity', 'Ah', 'series-3', 'true capacity'), 'Capacity'],
      ['r0', 'chart-r0', 'note-r0', healthPanel('r0', 'R0, mΩ', 'R0', 'mΩ', 'series-4', 'true R0'), 'Resistance'],
    ];
    for (const [key, id, note, panel, what] of parts) {
      const chart = element(id);
      if (!chart) continue;
      if (!panel.lines.length) { chart.textContent = data.no_health || (data.health ? 'Not among what this estimator estimates.' : 'No estimates in this range.'); continue; }
      if (key === 'q_t' && data.forecast) {
        for (const line of data.forecast) panel.lines.push({ ...line, name: `forecast ${line.run}`, colour: 'series-2', t: scaled(line.t) });
      }
      roviCharts.drawChart(chart, { panels: [panel], x: xAxis(), label: summary(what, panel), events: eventsIn() }, { keepY, onRange });
      const covered = data.coverage && data.coverage[key];
      if (covered) element(note).textContent = `truth inside band ${covered.percent} %, n = ${thin(covered.n)}`;
      else if (key === 'q_t' && data.reference) element(note).textContent = `100 % SOH is ${data.reference}`;
    }
  };

  const draw = (keepY) => {
    const seconds = data.range.end - data.range.start;
    unit = UNITS.find(([most]) => seconds < most);
    box.dataset.start = data.range.start.toFixed(1);
    box.dataset.end = data.range.end.toFixed(1);
    for (const field of document.querySelectorAll('[data-range-start]')) if (!field.dataset.touched && field !== document.activeElement) field.value = follows() ? '' : data.range.start.toFixed(1);
    drawRows(keepY);
    drawHealth(keepY);
    listEvents();
    showFollowing();
    // Panels with series of their own draw the same range.
    document.dispatchEvent(new CustomEvent('rovi:drawn', { detail: { range: data.range, toX, x: xAxis(), keepY, onRange } }));
  };

  const EVENT_TONES = { version: 'link', late: 'warn', recomputed: 'ok', mark: 'text' };
  const eventsIn = () => (data.events || []).filter((event) => event.t >= data.range.start && event.t <= data.range.end)
    .map((event, i) => ({ at: toX(event.t), number: i + 1, tone: EVENT_TONES[event.kind], words: event.words }));
  const listEvents = () => {
    const list = element('events');
    if (!list) return;
    list.replaceChildren(...eventsIn().map((event) => {
      const item = document.createElement('li');
      const number = document.createElement('strong');
      number.textContent = String(event.number);
      item.append(number, event.words);
      return item;
    }));
  };

  /* --- following and pausing ------------------------------------------------------------------------------------------ */
  const follows = () => !zoom && data && data.range.follows;
  const showFollowing = () => {
    const state = element('follow-state');
    const button = element('follow');
    if (!data) return;
    button.hidden = follows();
    element('copy-link').hidden = false;
    if (zoom) {
      const fresh = data.record.rows - pausedAt;
      state.textContent = `Paused ${pausedSince} UTC${fresh > 0 ? ` · ${thin(fresh)} new rows` : ''}`;
    } else state.textContent = follows() ? 'Following the newest row' : 'Fixed range';
  };

  const onRange = (x) => {
    if (x === null) { zoom = null; load(false); return; }
    if (!zoom) { pausedAt = data.record.rows; pausedSince = new Date().toISOString().slice(11, 16); }
    zoom = [fromX(x[0]), fromX(x[1])].sort((a, b) => a - b);
    const query = params();
    query.set('from', zoom[0].toFixed(1));
    query.set('to', zoom[1].toFixed(1));
    history.replaceState(null, '', `${location.pathname}?${query}`);
    markPreset();
    showFollowing();
    load(false);
  };
  // Keys: half a window to either side, half or twice the time, the whole record.
  document.addEventListener('rovi:move', (event) => {
    if (!data) return;
    const [start, end] = zoom || [data.range.start, data.range.end];  // what was asked for, though it may still be on its way
    const span = end - start;
    const key = event.detail;
    if (key === '0') { setRange(''); return; }
    const shift = key === 'ArrowLeft' ? -span / 2 : key === 'ArrowRight' ? span / 2 : 0;
    const grow = key === '+' ? -span / 4 : key === '-' ? span / 2 : 0;
    const from = Math.max(start + shift - grow, data.record.first ?? start);
    const to = Math.min(end + shift + grow, data.record.last ?? end);
    if (to > from) onRange([toX(from), toX(to)]);
  });
  const markPreset = () => {
    const from = params().get('from') || '';
    const isFree = !!params().get('to');
    for (const link of document.querySelectorAll('#range a[data-from]')) {
      if (!isFree && link.dataset.from === from) link.setAttribute('aria-current', 'true'); else link.removeAttribute('aria-current');
    }
    element('range-from').value = from;
    element('range-to').value = params().get('to') || '';
  };
  const setRange = (from) => {
    const query = params();
    query.delete('to');
    if (from) query.set('from', from); else query.delete('from');
    history.pushState(null, '', query.size ? `${location.pathname}?${query}` : location.pathname);
    zoom = null;
    markPreset();
    load(false);
  };

  /* --- fetching --------------------------------------------------------------------------------------------------------- */
  const append = (fresh) => {
    for (const line of fresh.rows.lines) {
      const known = data.rows.lines.find((other) => other.key === line.key);
      if (known) { known.t.push(...line.t); known.y.push(...line.y); }
    }
    data.rows.rows += fresh.rows.rows;
    data.rows.shown += fresh.rows.shown;
    for (const part of ['health', 'truth']) {
      if (fresh[part] && data[part]) {
        for (const [key, series] of Object.entries(fresh[part])) for (const [name, values] of Object.entries(series)) data[part][key]?.[name]?.push(...values);
      }
      if (fresh[part] && !data[part]) data[part] = fresh[part];
    }
    for (const key of ['after', 'record', 'range', 'coverage', 'forecast', 'no_health', 'events', 'clock_offset']) if (fresh[key] !== undefined) data[key] = fresh[key];
  };
  const isGrowing = () => data && follows() && !params().get('from') && data.rows.lines.every((line) => line.t.length < MOST_POINTS);

  const load = async (onlyNew) => {
    if (isFetching || Date.now() < notBefore) { isWanted = isWanted === 'all' || !onlyNew ? 'all' : 'new'; return; }
    isFetching = true;
    isWanted = false;
    const began = Date.now();
    const wanted = revision;
    try {
      const grows = onlyNew && isGrowing();
      const fresh = await fetchSeries(grows ? data.after : null);
      if (wanted !== revision) { isWanted = 'all'; return; }
      if (grows && !fresh.reload) { append(fresh); draw(true); }
      else if (grows) { isWanted = 'all'; }
      else { const keepY = onlyNew && data !== null; data = fresh; draw(keepY); }
    } catch (error) {
      if (!data) for (const chart of box.querySelectorAll('.chart-wait')) chart.textContent = `The series could not be read: ${error.message}`;
    } finally {
      isFetching = false;
      notBefore = Date.now() + (onlyNew ? Math.max(1000, 10 * (Date.now() - began)) : 150);
    }
  };

  if (box) {
    document.addEventListener('input', (event) => { if (event.target.matches('[data-range-start]')) event.target.dataset.touched = 'yes'; });
    document.addEventListener('rovi:changed', (event) => {
      const id = Number(box.dataset.series.split('/').pop());
      const changes = event.detail;
      if (changes && !(changes.battery || []).includes(id) && !changes.estimator && !changes.forecast) return;
      if (follows()) load(true);
      else if (zoom) countNew();
    });
    const countNew = async () => {
      if (Date.now() < countNotBefore) return;
      countNotBefore = Date.now() + 3000;
      const query = new URLSearchParams({ count: '1' });
      const answer = await fetch(`${box.dataset.series}?${query}`, { cache: 'no-store' }).catch(() => null);
      if (answer && answer.ok) { data.record = (await answer.json()).record; showFollowing(); }
    };
    setInterval(() => { if (isWanted) load(isWanted === 'new'); }, 250);
    const axis = element('axis');
    if (axis) {
      axis.value = params().get('clock') === 'test' ? 'test' : params().get('tz') === 'local' ? 'local' : 'utc';
      axis.addEventListener('change', () => {
        const query = params();
        query.set('clock', axis.value === 'test' ? 'test' : 'utc');
        if (axis.value === 'local') query.set('tz', 'local'); else query.delete('tz');
        history.pushState(null, '', `${location.pathname}?${query}`);
        draw(false);
      });
    }
    element('follow').addEventListener('click', () => setRange(''));
    element('copy-link').addEventListener('click', (event) => {
      const query = params();
      query.set('from', data.range.start.toFixed(1));
      query.set('to', data.range.end.toFixed(1));
      navigator.clipboard?.writeText(`${location.origin}${location.pathname}?${query}`);
      event.target.textContent = 'Copied';
      setTimeout(() => { event.target.textContent = 'Copy link'; }, 2000);
    });
    for (const link of document.querySelectorAll('#range a[data-from]')) {
      link.addEventListener('click', (event) => { event.preventDefault(); setRange(link.dataset.from); });
    }
    window.addEventListener('popstate', () => { zoom = null; markPreset(); load(false); });
    setTimeout(() => { if (!data) for (const chart of box.querySelectorAll('.chart-wait')) chart.textContent += ' The record is long; it is still being read.'; }, 10000);
    load(false);
  }
}
