/* The strip below the rows of a battery: where rows are, and what the list behind it tells of gaps, late and refused rows. */
'use strict';
{
  const box = document.getElementById('coverage');
  const strip = document.getElementById('coverage-strip');
  const words = document.getElementById('coverage-words');
  const list = document.getElementById('coverage-list');
  const LEAST_PAUSE = 20000;
  const thin = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
  const UNITS = [[90, 1, 's'], [5400, 60, 'min'], [172800, 3600, 'h'], [63072000, 86400, 'd'], [Infinity, 31557600, 'y']];
  const long = (seconds) => { const [, size, name] = UNITS.find(([most]) => seconds < most); return `${Number((seconds / size).toPrecision(3))} ${name}`; };
  const SVG = 'http://www.w3.org/2000/svg';
  let asked = '';
  let notBefore = 0;

  const draw = (parts) => {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${parts.length} 1`);
    svg.setAttribute('preserveAspectRatio', 'none');
    // Neighbours of one kind are one rectangle, so that no seam shows.
    let from = 0;
    const kind = ([rows, late]) => (late ? 'late' : rows ? 'got' : 'none');
    for (let i = 1; i <= parts.length; i += 1) {
      if (i < parts.length && kind(parts[i]) === kind(parts[from])) continue;
      const part = svg.appendChild(document.createElementNS(SVG, 'rect'));
      part.setAttribute('x', from);
      part.setAttribute('width', i - from);
      part.setAttribute('height', 1);
      part.setAttribute('class', kind(parts[from]));
      from = i;
    }
    strip.replaceChildren(svg);
  };

  const table = (title, heads, rows) => {
    const head = document.createElement('h3');
    head.textContent = title;
    const frame = document.createElement('div');
    frame.className = 'table-box';
    frame.tabIndex = 0;
    const made = frame.appendChild(document.createElement('table'));
    made.className = 'list dense';
    const top = made.createTHead().insertRow();
    for (const text of heads) { const th = document.createElement('th'); th.scope = 'col'; th.textContent = text; top.append(th); }
    const body = made.createTBody();
    for (const row of rows) { const tr = body.insertRow(); for (const value of row) tr.insertCell().textContent = value; }
    list.append(head, frame);
  };
  const say = (text) => { const line = document.createElement('p'); line.className = 'muted'; line.textContent = text; list.append(line); };

  const tell = (found) => {
    const covered = found.parts.filter(([rows]) => rows).length;
    const missing = found.gaps.length ? `${found.gaps.length}${found.gaps.length === 50 ? ' or more' : ''} ${found.gaps.length === 1 ? 'gap' : 'gaps'}, the longest ${long(found.gaps[0][1] - found.gaps[0][0])}` : 'no gap';
    words.textContent = `Rows in ${Math.round(100 * covered / Math.max(found.parts.length, 1))} % of this range · ${missing} · ${thin(found.late_rows)} late · ${thin(found.refused_rows)} refused · ${thin(found.repeated_rows)} sent again`;
    list.replaceChildren();
    if (found.gaps.length) table(`Steps above three times the usual ${long(found.usual_step)}, the longest first`, ['From, s', 'To, s', 'Missing'], found.gaps.map(([from, to]) => [from.toFixed(1), to.toFixed(1), long(to - from)]));
    else say('No step is above three times the usual one.');
    if (found.late.length) table('Late rows, the newest arrival first', ['Row', 'Test time, s', 'Received, UTC'], found.late.map(([row, t, received]) => [thin(row), t.toFixed(1), new Date(received * 1000).toISOString().slice(0, 19).replace('T', ' ')]));
    if (found.refused.length) table('Refused rows of imported files', ['File', 'Record', 'Code', 'Why'], found.refused.map((row) => [row.file, row.index ?? '—', row.code, row.message]));
    else if (found.refused_rows) say(`${thin(found.refused_rows)} rows were refused when they were sent; whoever sent them was told why. Refused rows are not kept.`);
  };

  const load = async (range) => {
    const query = new URLSearchParams({ from: String(range.start), to: String(range.end) });
    const isSame = asked === String(query);
    if (isSame || (range.follows && Date.now() < notBefore)) return;
    asked = String(query);
    notBefore = Date.now() + LEAST_PAUSE;
    try {
      const answer = await fetch(`${box.dataset.series}?${query}`, { cache: 'no-store' });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      const found = await answer.json();
      draw(found.parts);
      tell(found);
    } catch (error) {
      words.textContent = `Gaps could not be read: ${error.message}`;
    }
  };
  if (box) document.addEventListener('rovi:drawn', (event) => load(event.detail.range));
}
