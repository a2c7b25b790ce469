/* Charts of a forecast and of compared loads, drawn where the page has a result. */
'use strict';
{
  const YEAR = 365.25 * 86400;
  const UNITS = [[600, 1, 's'], [4 * 3600, 60, 'min'], [4 * 86400, 3600, 'h'], [3 * YEAR, 86400, 'd'], [Infinity, YEAR, 'y']];

  const spanOf = (lines) => {
    const times = lines.flatMap((line) => [line.t[0], line.t[line.t.length - 1]]).filter((t) => t !== null && t !== undefined);
    return [Math.min(...times), Math.max(...times)];
  };
  const unitOf = (span) => UNITS.find(([most]) => span[1] - span[0] < most);
  const scaledBy = (unit) => (t) => t.map((value) => (value === null ? null : value / unit[1]));

  const chartIn = (box, panels, span, unit, label) => {
    const chart = document.createElement('div');
    chart.className = panels.length > 1 ? 'chart chart-tall' : 'chart';
    box.replaceChildren(chart);
    roviCharts.drawChart(chart, { panels, x: { title: `test time, ${unit[2]}`, range: span.map((value) => value / unit[1]) }, label });
  };

  const drawForecast = (box, data) => {
    if (!data.lines.length) { box.textContent = 'The forecaster answered no column beside the load.'; return; }
    const span = spanOf([...data.lines, ...data.load, ...data.past]);
    const unit = unitOf(span);
    const scaled = scaledBy(unit);
    const panels = data.lines.map((line) => ({
      title: line.title,
      marks: data.threshold && data.threshold[line.unit] && ['SOH', 'Capacity'].includes(line.name) ? [data.threshold[line.unit]] : [],
      lines: [
        ...data.past.filter((past) => past.name === line.name).map((past) => ({ ...past, t: scaled(past.t), name: `${past.name} so far`, colour: 'series-1' })),
        { ...line, t: scaled(line.t), name: `${line.name} forecast`, legend: `${line.name} forecast${line.band ? `, ${line.band}` : ''}` },
        ...(data.since || []).filter((since) => since.t.length > 1 && since.name === line.name && since.unit === line.unit).map((since) => ({ ...since, t: scaled(since.t), name: `${since.name} since`, colour: 'series-5', dashed: true })),
      ],
    }));
    for (const line of data.load) panels.push({ title: `Load: ${line.title}`, zero: true, lines: [{ ...line, t: scaled(line.t), name: `load, ${line.name}`, colour: 'series-2' }] });
    chartIn(box, panels, span, unit, `Forecast over ${((span[1] - span[0]) / unit[1]).toFixed(1)} ${unit[2]}: ${data.lines.map((line) => line.title).join(', ')}`);
    if (data.left_out.length) {
      const note = document.createElement('p');
      note.className = 'chart-note';
      note.textContent = `Not drawn: ${data.left_out.join(', ')}.`;
      box.append(note);
    }
  };

  const drawComparison = (box, data) => {
    if (!data.lines.length) { box.textContent = 'None of them tells a state of health so far.'; return; }
    const since = (data.since || []).filter((line) => line.t.length > 1);
    const span = spanOf([...data.lines, ...since]);
    const unit = unitOf(span);
    const scaled = scaledBy(unit);
    const lines = data.lines.map((line) => ({ ...line, t: scaled(line.t), band_share: 0.6 }));
    for (const line of since) lines.push({ ...line, t: scaled(line.t), name: 'estimated since', colour: 'series-5', dashed: true });
    chartIn(box, [{ title: 'SOH, %', marks: data.thresholds, lines }], span, unit, `SOH as told by ${data.lines.length}: ${data.lines.map((line) => line.name).join(', ')}`);
  };

  const drawInto = async (box, address, draw) => {
    box.dataset.drawn = box.dataset.run;
    const answer = await fetch(address, { cache: 'no-store' });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) { box.textContent = data.error || `The result could not be read: the server answered ${answer.status}.`; return; }
    draw(box, data);
  };

  const drawAll = () => {
    for (const box of document.querySelectorAll('[data-forecast]')) if (box.dataset.drawn !== box.dataset.run) drawInto(box, box.dataset.forecast, drawForecast);
    for (const box of document.querySelectorAll('[data-comparison]')) if (box.dataset.drawn !== box.dataset.run) drawInto(box, box.dataset.comparison, drawComparison);
  };
  drawAll();
  new MutationObserver(drawAll).observe(document.getElementById('content'), { childList: true, subtree: true });

  const MOST_BESIDE = 4;
  const countBeside = () => {
    const told = document.getElementById('beside-told');
    if (!told) return;
    const boxes = [...document.querySelectorAll('input[name="beside"]')];
    const number = boxes.filter((each) => each.checked).length;
    for (const each of boxes) each.disabled = number >= MOST_BESIDE && !each.checked;
    told.textContent = number ? `${number} of at most ${MOST_BESIDE} chosen` : `two to ${MOST_BESIDE} of them`;
  };
  const asof = document.getElementById('asof');
  const tellTime = () => {
    const seconds = Number(asof.value);
    const unit = UNITS.find(([most]) => seconds < most);
    document.getElementById('asof-told').textContent = `${(seconds / unit[1]).toFixed(1)} ${unit[2]}`;
  };
  asof?.addEventListener('input', tellTime);
  countBeside();
  document.addEventListener('change', (event) => { if (event.target.name === 'beside') countBeside(); });
}
