/* Charts from series, in the page's own colours. A series never bridges a gap: where its step is long the server put null.

   drawChart(element, { panels: [{ title, lines, log, floor, shade, share }], x: { title, range }, label })
   A panel's `share` of the height is 1 without it.
   A panel's `limits` are the ends of its axis of values where these are not those of its lines.
   x may be { …, isDate: true }: then t are milliseconds since 1970, and ticks are dates; of UTC, or of the time zone
   that `zone` names. `told: { t, words }` are said to begin there when t is pointed at.
   spec.events: [{ at, number, tone, words }] are drawn as numbered lines.
   line: { t, y, name, colour, dashed, points, bars, unlisted, sd, lower, upper, inner_lower, inner_upper, band_share }
   one that is `unlisted` stands in no legend: its panel's title names it.
   y in the unit of the panel's title, t in the unit of x */
'use strict';

const roviCharts = (() => {
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new Map();

  // Plotly reads tags, entities and %{…} in texts; names of columns and loads are people's and stay what they are.
  const plain = (words) => String(words ?? '').replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/%{/g, '%\u200b{');

  /* --- traces ----------------------------------------------------------------------------------------------------- */
  // One closed polygon a stretch: filling to the next line instead twists where both have nulls.
  const bandOf = (t, lower, upper) => {
    const x = [];
    const y = [];
    let from = 0;
    const close = (to) => {
      if (to - from >= 2) {
        for (let i = from; i < to; i += 1) { x.push(t[i]); y.push(lower[i]); }
        for (let i = to - 1; i >= from; i -= 1) { x.push(t[i]); y.push(upper[i]); }
        x.push(t[from], null);
        y.push(lower[from], null);
      }
    };
    for (let i = 0; i < t.length; i += 1) {
      if (lower[i] === null || upper[i] === null) { close(i); from = i + 1; }
    }
    close(t.length);
    return { x, y };
  };

  const lonePoints = (t, y) => {
    const x = [];
    const at = [];
    for (let i = 0; i < y.length; i += 1) {
      const before = i > 0 ? y[i - 1] : null;
      const after = i + 1 < y.length ? y[i + 1] : null;
      if (y[i] !== null && before === null && after === null) { x.push(t[i]); at.push(y[i]); }
    }
    return { x, y: at };
  };

  const colourOf = (line) => token(`--${line.colour}`);
  const faded = (colour, share) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    return `rgba(${r},${g},${b},${share})`;
  };

  const tracesOf = (panel, number, hidden) => panel.lines.flatMap((line) => {
    const yaxis = number ? `y${number + 1}` : 'y';
    const colour = colourOf(line);
    const visible = !hidden.has(line.name);
    const traces = [];
    if (line.lower) {
      traces.push({
        ...bandOf(line.t, line.lower, line.upper), yaxis, visible, type: 'scatter', mode: 'lines', fill: 'toself', hoverinfo: 'skip',
        fillcolor: faded(colour, Number(token('--band')) * (line.band_share || 1)), line: { width: 1, color: faded(colour, 0.45) }, name: `${plain(line.name)} band`,
      });
    }
    if (line.inner_lower) {
      traces.push({
        ...bandOf(line.t, line.inner_lower, line.inner_upper), yaxis, visible, type: 'scatter', mode: 'lines', fill: 'toself', hoverinfo: 'skip',
        fillcolor: faded(colour, Number(token('--band'))), line: { width: 0 }, name: `${plain(line.name)} inner band`,
      });
    }
    if (line.bars) {
      traces.push({ x: line.t, y: line.y, yaxis, visible, type: 'bar', width: line.width, offset: 0, name: plain(line.name), marker: { color: colour, line: { width: 0 } }, hovertemplate: `${plain(line.name)} %{y:${line.format || '.4~g'}} ${plain(line.unit)}<extra></extra>` });
      return traces;
    }
    if (line.points) {
      traces.push({
        x: line.t, y: line.y, yaxis, visible, type: 'scatter', mode: 'markers', name: plain(line.name), marker: { size: 5, color: colour },
        ...(line.sd ? { error_y: { type: 'data', array: line.sd.map((value) => value || 0), thickness: 1, width: 0, color: faded(colour, 0.45) } } : {}),
        hovertemplate: `${plain(line.name)} %{y:${line.format || '.4~g'}} ${plain(line.unit)}<extra></extra>`,
      });
      return traces;
    }
    traces.push({
      x: line.t, y: line.y, yaxis, visible, type: 'scatter', mode: 'lines', connectgaps: false, name: plain(line.name),
      line: { width: 2, color: colour, dash: line.dashed ? 'dash' : 'solid' },
      hovertemplate: `${plain(line.name)} %{y:${line.format || '.4~g'}} ${plain(line.unit)}<extra></extra>`,
    });
    const lone = lonePoints(line.t, line.y);
    if (lone.x.length) traces.push({ ...lone, yaxis, visible, type: 'scatter', mode: 'markers', hoverinfo: 'skip', name: plain(line.name), marker: { size: 5, color: colour } });
    return traces;
  });

  /* --- axes ------------------------------------------------------------------------------------------------------- */
  const extent = (panel, hidden, xRange) => {
    if (panel.limits) return panel.limits;
    let low = Infinity;
    let high = -Infinity;
    for (const line of panel.lines) {
      if (hidden.has(line.name)) continue;
      for (const values of [line.y, line.bandInScale === false ? null : line.lower, line.bandInScale === false ? null : line.upper]) {
        if (!values) continue;
        for (let i = 0; i < values.length; i += 1) {
          const value = values[i];
          if (value === null || (xRange && (line.t[i] < xRange[0] || line.t[i] > xRange[1]))) continue;
          if (panel.log && value <= 0) continue;
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
    }
    for (const value of panel.marks || []) { low = Math.min(low, value); high = Math.max(high, value); }
    for (const value of panel.shade || []) { low = Math.min(low, value); high = Math.max(high, value); }
    if (low > high) return null;
    if (panel.log) return [Math.log10(low) - 0.1, Math.log10(high) + 0.1];
    const isFlat = high - low <= 1e-9 * Math.max(Math.abs(high), Math.abs(low));
    const pad = isFlat ? Math.max(Math.abs(high) * 0.1, 0.1) : (high - low) * 0.05;
    return [low - pad, high + pad];
  };

  // The more decades, the fewer ticks in each.
  const LOG_DIGITS = [[1, [1, 1.5, 2, 3, 5, 7]], [2, [1, 2, 5]], [3, [1, 3]], [Infinity, [1]]];
  const logTicks = (range) => {
    const [, digits] = LOG_DIGITS.find(([decades]) => (range ? range[1] - range[0] : 1) <= decades);
    return [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) => digits.map((digit) => Number((digit * 10 ** power).toPrecision(2))));
  };
  const grown = (range, before) => (range && before ? [Math.min(range[0], before[0]), Math.max(range[1], before[1])] : range || before);

  // Plotly takes a number for a time of the browser's zone, and a text for what it says.
  const placeOf = (spec) => (at) => (spec.x.isDate && typeof at === 'number' ? new Date(at).toISOString().slice(0, -1) : at);
  const zoned = (spec) => (spec.x.isDate && spec.x.zone && spec.x.zone !== 'UTC' ? spec.x.zone : null);
  const ticksOf = (state, narrow) => {
    const zone = zoned(state.spec);
    if (!zone) return {};
    const { values, words } = roviZones.ticks(...(state.zoom || state.spec.x.range), zone, narrow ? 5 : 10);
    return { tickmode: 'array', tickvals: values.map(placeOf(state.spec)), ticktext: words };
  };

  const layoutOf = (state) => {
    const { spec, hidden, element } = state;
    const place = placeOf(spec);
    const count = spec.panels.length;
    const gap = 0.06;
    const shares = spec.panels.map((panel) => panel.share || 1);
    const unit = (1 - gap * (count - 1)) / shares.reduce((sum, share) => sum + share, 0);
    const line = token('--line');
    const axis = { gridcolor: line, linecolor: token('--edge'), tickcolor: token('--edge'), zerolinecolor: line, automargin: true, tickfont: { size: 12 }, separatethousands: true, exponentformat: 'none' };
    const narrow = element.clientWidth < 560;
    const layout = {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, barmode: 'relative', hovermode: 'x unified', autosize: true,
      separators: '.\u202f', font: { family: token('--font'), size: 12, color: token('--text') }, margin: { l: 56, r: 12, t: 28, b: 40 },
      hoverlabel: { bgcolor: token('--surface'), bordercolor: token('--edge'), font: { color: token('--text'), size: 12 } },
      uirevision: state.revision, dragmode: narrow ? false : 'zoom', shapes: [], annotations: [],
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: token('--muted'), activecolor: token('--text') },
      xaxis: { ...axis, title: { text: plain(spec.x.title), font: { size: 12 }, standoff: 6 }, range: spec.x.range && spec.x.range.map(place), anchor: count > 1 ? `y${count}` : 'y', showgrid: true, nticks: narrow ? 5 : 10, ...(spec.x.isDate ? { type: 'date', hoverformat: '%Y-%m-%d %H:%M:%S', ...ticksOf(state, narrow), ...(spec.x.told ? { unifiedhovertitle: { text: 'begins at' } } : {}) } : { type: 'linear', hoverformat: '.4~f' }) },
    };
    spec.panels.forEach((panel, i) => {
      const height = unit * shares[i];
      const top = 1 - i * gap - unit * shares.slice(0, i).reduce((sum, share) => sum + share, 0);
      const wanted = extent(panel, hidden, spec.x.range);
      state.yRanges[i] = state.keepY ? grown(wanted, state.yRanges[i]) : wanted;
      const range = panel.range && !state.yRanges[i] ? panel.range : state.yRanges[i];
      layout[i ? `yaxis${i + 1}` : 'yaxis'] = {
        ...axis, domain: [Math.max(0, top - height), top], title: { text: '', font: { size: 12 } }, type: panel.log ? 'log' : 'linear',
        ...(range ? { range, autorange: false } : {}), zeroline: !!panel.zero, zerolinecolor: token('--edge'), nticks: height < 0.2 ? 2 : count > 2 ? 4 : 6, fixedrange: true,
        ...(panel.log ? { tickmode: 'array', tickvals: logTicks(range), ticktext: logTicks(range).map(String) } : {}),
      };
      layout.annotations.push({ text: plain(panel.title), xref: 'paper', yref: 'paper', x: 0, y: top, xanchor: 'left', yanchor: 'bottom', showarrow: false, font: { size: 12, color: token('--muted') } });
      if (panel.shade) layout.shapes.push({ type: 'rect', xref: 'paper', x0: 0, x1: 1, yref: i ? `y${i + 1}` : 'y', y0: panel.shade[0], y1: panel.shade[1], fillcolor: faded(token('--ok'), 0.16), line: { width: 0 }, layer: 'below' });
      for (const mark of panel.marks || []) layout.shapes.push({ type: 'line', xref: 'paper', x0: 0, x1: 1, yref: i ? `y${i + 1}` : 'y', y0: mark, y1: mark, line: { width: 1, dash: 'dot', color: token('--warn') } });
    });
    // Numbered lines where something happened; the list below the chart tells what.
    for (const event of spec.events || []) {
      layout.shapes.push({ type: 'line', yref: 'paper', y0: 0, y1: 1, x0: place(event.at), x1: place(event.at), line: { width: 1, dash: 'dot', color: token(`--${event.tone}`) } });
      layout.annotations.push({ text: String(event.number), x: place(event.at), yref: 'paper', y: 1, yanchor: 'bottom', showarrow: false, font: { size: 12, color: token(`--${event.tone}`) }, hovertext: plain(event.words), bgcolor: token('--surface') });
    }
    return layout;
  };

  const config = {
    displaylogo: false, responsive: true, scrollZoom: false, doubleClick: false, displayModeBar: 'hover',
    modeBarButtons: [['toImage'], ['zoomIn2d', 'zoomOut2d', 'resetScale2d']],
  };

  /* --- legend, drawing ---------------------------------------------------------------------------------------------- */
  const legendOf = (state) => {
    const list = document.createElement('ul');
    list.className = 'legend';
    for (const panel of state.spec.panels) {
      for (const line of panel.lines) {
        if (line.unlisted) continue;
        const item = document.createElement('li');
        const button = document.createElement('button');
        button.type = 'button';
        button.setAttribute('aria-pressed', String(!state.hidden.has(line.name)));
        const colour = colourOf(line);
        button.innerHTML = line.points ? `<svg viewBox="0 0 22 12" aria-hidden="true"><circle cx="11" cy="6" r="3.5" fill="${colour}"/></svg>` : line.bars ? `<svg viewBox="0 0 22 12" aria-hidden="true"><rect x="5" width="12" height="12" fill="${colour}"/></svg>` : `<svg viewBox="0 0 22 12" aria-hidden="true"><line x1="1" y1="6" x2="21" y2="6" stroke="${colour}"${line.dashed ? ' stroke-dasharray="5 3"' : ''}/></svg>`;
        button.append(line.legend || line.name);
        button.title = 'Show or hide';
        button.addEventListener('click', () => {
          if (state.hidden.has(line.name)) state.hidden.delete(line.name); else state.hidden.add(line.name);
          state.keepY = false;
          render(state);
          legendOf(state);
        });
        item.append(button);
        list.append(item);
      }
    }
    const old = state.element.previousElementSibling;
    if (old?.matches('ul.legend')) old.replaceWith(list); else state.element.before(list);
  };

  const render = (state) => {
    const traces = state.spec.panels.flatMap((panel, i) => tracesOf(panel, i, state.hidden));
    const { told } = state.spec.x;
    if (told) traces.unshift({ x: told.t, y: told.t.map(() => 0), text: told.words, type: 'scatter', mode: 'markers', marker: { opacity: 0 }, hovertemplate: '%{text}<extra></extra>', name: '' });
    for (const trace of traces) trace.x = trace.x.map(placeOf(state.spec));
    state.element.setAttribute('role', 'group');  // it holds buttons, which an img may not
    state.element.setAttribute('aria-label', state.spec.label);
    return Plotly.react(state.element, traces, layoutOf(state), config);
  };

  /* `keepY`: the same range with newer points, so that the axes of values grow and never jump. */
  const drawChart = (element, spec, { keepY = false, onRange = null } = {}) => {
    let state = drawn.get(element);
    const isNew = !state;
    if (isNew) {
      state = { element, hidden: new Set(), yRanges: [], revision: 1 };
      drawn.set(element, state);
      element.classList.remove('chart-wait');
      element.replaceChildren();
    }
    const shapeOf = (s) => s && JSON.stringify(s.panels.map((panel) => panel.lines.map((line) => line.legend || line.name)));
    const isSameLegend = !isNew && shapeOf(state.spec) === shapeOf(spec);
    if (!keepY || !isSameLegend) state.revision += 1;
    state.spec = spec;
    state.keepY = keepY && isSameLegend;
    const done = render(state);
    if (!isSameLegend) legendOf(state);
    if (isNew) document.dispatchEvent(new CustomEvent('rovi:chart', { detail: state }));
    if (isNew && zoned(spec)) {
      element.on('plotly_relayout', (change) => {
        const [from, to] = [change['xaxis.range[0]'], change['xaxis.range[1]']];
        if (from === undefined && !change['xaxis.autorange']) return;
        state.zoom = from === undefined ? null : [from, to].map((at) => (typeof at === 'number' ? at : Date.parse(`${String(at).replace(' ', 'T')}Z`)));
        const { tickvals, ticktext } = ticksOf(state, element.clientWidth < 560);
        Plotly.relayout(element, { 'xaxis.tickvals': tickvals, 'xaxis.ticktext': ticktext });
      });
    }
    if (isNew && onRange) {
      element.on('plotly_relayout', (change) => {
        if (state.isSetting) return;
        if ('xaxis.range[0]' in change) onRange([change['xaxis.range[0]'], change['xaxis.range[1]']]);
        else if (change['xaxis.range']) onRange(change['xaxis.range']);
        else if (change['xaxis.autorange']) onRange(null);
      });
    }
    return done;
  };

  const redrawAll = () => { for (const state of drawn.values()) { state.keepY = true; render(state); legendOf(state); } };
  new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
  let theme = null;
  window.addEventListener('beforeprint', () => { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = 'light'; redrawAll(); });
  window.addEventListener('afterprint', () => { document.documentElement.dataset.theme = theme; });

  return { drawChart, plain };
})();
