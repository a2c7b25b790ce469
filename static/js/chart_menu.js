/* The menu of each chart: what it shows as a table, CSV, Parquet or PNG, a link to it, and the whole screen.

   <section class="chart-card" id="…" data-parquet="/api/…">  whence the unthinned rows of the range come; {start} and {end} are filled in */
'use strict';
{
  const cell = (value) => (value === null || value === undefined ? '' : String(value));
  // A cell that begins so would be taken for a formula.
  const harmless = (text) => (/^[=+@\t\r-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const title = (state) => state.element.closest('.chart-card, .card')?.querySelector('h2')?.textContent.trim() || 'chart';
  const fileName = (state, ending) => `${document.querySelector('h1').textContent.trim()} ${title(state)}.${ending}`.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/-([a-z]+)$/, '.$1');

  // One block of columns a line: lines have their own times.
  const tablesOf = (state) => state.spec.panels.flatMap((panel) => panel.lines.filter((line) => !state.hidden.has(line.name)).map((line) => {
    const columns = [[state.spec.x.title, state.spec.x.isDate ? line.t.map((at) => roviZones.stamp(at, state.spec.x.zone || 'UTC')) : line.t], [line.unit ? `${line.name}, ${line.unit}` : line.name, line.y]];
    if (line.lower) columns.push([`${line.name}, lower`, line.lower], [`${line.name}, upper`, line.upper]);
    if (line.sd) columns.push([`${line.name}, sd`, line.sd]);
    const rows = line.t.map((_, i) => columns.map(([, values]) => values[i])).filter((row) => row[1] !== null);
    return { name: line.name, heads: columns.map(([head]) => head), rows };
  }));

  const save = (blob, name) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const asCsv = (state) => {
    const lines = tablesOf(state).map(({ heads, rows }) => [heads, ...rows].map((row) => row.map((value) => quoted(harmless(cell(value)))).join(',')).join('\n'));
    save(new Blob([`${lines.join('\n\n')}\n`], { type: 'text/csv' }), fileName(state, 'csv'));
  };

  const MOST_ROWS = 500;
  const asTable = (state) => {
    const dialog = document.createElement('dialog');
    dialog.className = 'keys chart-table';
    const head = document.createElement('h2');
    head.textContent = title(state);
    dialog.append(head);
    for (const { name, heads, rows } of tablesOf(state)) {
      const part = document.createElement('h3');
      part.textContent = rows.length > MOST_ROWS ? `${name}: the last ${MOST_ROWS} of ${rows.length} points` : `${name}: ${rows.length} points`;
      const box = document.createElement('div');
      box.className = 'table-box';
      box.tabIndex = 0;
      box.tabIndex = 0;
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', name);
      const table = box.appendChild(document.createElement('table'));
      table.className = 'list dense';
      const top = table.createTHead().insertRow();
      for (const text of heads) { const th = document.createElement('th'); th.scope = 'col'; th.className = 'number'; th.textContent = text; top.append(th); }
      const body = table.createTBody();
      for (const row of rows.slice(-MOST_ROWS)) {
        const tr = body.insertRow();
        for (const value of row) { const td = tr.insertCell(); td.className = 'number'; td.textContent = typeof value === 'number' ? Number(value.toPrecision(7)).toString().replace('-', '\u2212') : cell(value); }
      }
      dialog.append(part, box);
    }
    const close = document.createElement('button');
    close.className = 'button';
    close.textContent = 'Close';
    close.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => dialog.remove());
    dialog.append(close);
    document.body.append(dialog);
    dialog.showModal();
  };

  const linkTo = (state) => {
    const here = new URL(location.href);
    const shown = document.getElementById('charts')?.dataset;
    if (shown?.start) { here.searchParams.set('from', shown.start); here.searchParams.set('to', shown.end); }
    const card = state.element.closest('[id].chart-card, [id].card');
    if (card) here.hash = card.id;
    return here.href;
  };

  const wholeScreen = (state) => {
    const card = state.element.closest('.chart-card, .card');
    if (document.fullscreenElement) document.exitFullscreen(); else card.requestFullscreen();
  };
  document.addEventListener('fullscreenchange', () => { for (const chart of document.querySelectorAll('.js-plotly-plot')) Plotly.Plots.resize(chart); });

  const ITEMS = [
    ['Table', asTable],
    ['CSV of what is shown', asCsv],
    ['Parquet of all rows', null],
    ['PNG', (state) => Plotly.downloadImage(state.element, { format: 'png', scale: 2, filename: fileName(state, 'png').slice(0, -4) })],
    ['Copy link', (state, button) => { navigator.clipboard?.writeText(linkTo(state)); button.textContent = 'Copied'; setTimeout(() => { button.textContent = 'Copy link'; }, 2000); }],
    ['Full screen', wholeScreen],
  ];

  const offer = (state) => {
    const head = state.element.closest('.chart-card, .card')?.querySelector('.card-head');
    if (!head || head.querySelector('.chart-menu')) return;
    const menu = document.createElement('details');
    menu.className = 'menu chart-menu no-print';
    const summary = menu.appendChild(document.createElement('summary'));
    summary.setAttribute('aria-label', `What to do with the chart ${title(state)}`);
    summary.textContent = '⋯';
    const box = menu.appendChild(document.createElement('div'));
    box.className = 'menu-box';
    for (const [words, act] of ITEMS) {
      if (act) {
        const button = box.appendChild(document.createElement('button'));
        button.type = 'button';
        button.textContent = words;
        button.addEventListener('click', () => { if (words !== 'Copy link') menu.open = false; act(state, button); });
      } else {
        const address = state.element.closest('[data-parquet]')?.dataset.parquet;
        if (!address) continue;
        const link = box.appendChild(document.createElement('a'));
        link.textContent = words;
        link.href = address;
        menu.addEventListener('toggle', () => {
          const { start, end } = document.getElementById('charts')?.dataset || {};
          link.href = start ? `${address}&start=${start}&end=${end}` : address;
        });
      }
    }
    head.append(menu);
  };
  document.addEventListener('rovi:chart', (event) => offer(event.detail));
}
