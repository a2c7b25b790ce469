/* A forecast's chart, drawn where the page has a result; and the fields that its form needs. */
'use strict';
{
  const YEAR = 365.25 * 86400;
  const UNITS = [[600, 1, 's'], [4 * 3600, 60, 'min'], [4 * 86400, 3600, 'h'], [3 * YEAR, 86400, 'd'], [Infinity, YEAR, 'y']];

  const drawInto = async (box) => {
    box.dataset.drawn = box.dataset.run;
    const answer = await fetch(box.dataset.forecast, { cache: 'no-store' });
    if (!answer.ok) { box.textContent = `The result could not be read: the server answered ${answer.status}.`; return; }
    const data = await answer.json();
    if (!data.lines.length) { box.textContent = 'The forecaster answered no column beside the load.'; return; }
    const every = [...data.lines, ...data.load, ...data.past];
    const times = every.flatMap((line) => [line.t[0], line.t[line.t.length - 1]]).filter((t) => t !== null);
    const span = [Math.min(...times), Math.max(...times)];
    const unit = UNITS.find(([most]) => span[1] - span[0] < most);
    const scaled = (t) => t.map((value) => (value === null ? null : value / unit[1]));
    const panels = data.lines.map((line) => ({
      title: line.title,
      lines: [
        ...data.past.filter((past) => past.name === line.name).map((past) => ({ ...past, t: scaled(past.t), name: `${past.name} so far`, colour: 'series-1' })),
        { ...line, t: scaled(line.t), name: `${line.name} forecast`, legend: `${line.name} forecast${line.lower ? ', band' : ''}` },
      ],
    }));
    for (const line of data.load) panels.push({ title: `Load: ${line.title}`, zero: true, lines: [{ ...line, t: scaled(line.t), name: `load, ${line.name}`, colour: 'series-2' }] });
    const label = `Forecast over ${((span[1] - span[0]) / unit[1]).toFixed(1)} ${unit[2]}: ${data.lines.map((line) => line.title).join(', ')}`;
    const chart = document.createElement('div');
    chart.className = panels.length > 1 ? 'chart chart-tall' : 'chart';
    box.replaceChildren(chart);
    roviCharts.drawChart(chart, { panels, x: { title: `test time, ${unit[2]}`, range: span.map((value) => value / unit[1]) }, label });
    if (data.left_out.length) {
      const note = document.createElement('p');
      note.className = 'chart-note';
      note.textContent = `Not drawn: ${data.left_out.join(', ')}.`;
      box.append(note);
    }
  };

  const drawAll = () => {
    for (const box of document.querySelectorAll('[data-forecast]')) if (box.dataset.drawn !== box.dataset.run) drawInto(box);
  };
  drawAll();
  new MutationObserver(drawAll).observe(document.getElementById('content'), { childList: true, subtree: true });

  const showFields = () => {
    const chosen = document.querySelector('input[name="profile"]:checked')?.value;
    for (const field of document.querySelectorAll('[data-for]')) field.hidden = field.dataset.for !== chosen;
  };
  document.addEventListener('change', (event) => { if (event.target.name === 'profile') showFields(); });
  showFields();
}
