/* Innovations in their band and the mean NIS, or that alone, over the range that the other charts of the page show. */
'use strict';
{
  const chart = document.getElementById('chart-consistency');
  const note = document.getElementById('note-consistency');
  const thin = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
  let isFetching = false;
  let wanted = null;

  const draw = (series, shown) => {
    if (series.empty) { if (chart.classList.contains('chart-wait')) chart.textContent = series.empty; return; }
    const scaled = (t) => t.map((value) => (value === null ? null : shown.toX(value)));
    const { innovations, nis, band, sigmas } = series;
    // The first rows, which look for the cell, may be off by volts: the axis is made for all but the largest hundredth.
    const half = innovations.sd.map((value) => (value === null ? null : sigmas * value));
    const sizes = innovations.y.filter((value) => value !== null).map(Math.abs).sort((a, b) => a - b);
    const halves = half.filter((value) => value !== null).sort((a, b) => a - b);
    const common = sizes[Math.floor(0.99 * (sizes.length - 1))];
    const most = 1.25 * Math.max(common, Math.min(halves[halves.length >> 1], 3 * common)) || 1;
    const beyond = sizes.filter((value) => value > most).length;
    const panels = [
      {
        title: 'innovation, mV', zero: true, limits: [-most, most],
        lines: [{
          name: 'Innovation', legend: `Innovation, band of ${sigmas} σ around 0`, unit: 'mV', colour: 'series-1', format: '.3~g', t: scaled(innovations.t), y: innovations.y,
          lower: half.map((value) => (value === null ? null : -value)), upper: half,
        }],
      },
      { title: 'mean NIS of 100 rows', log: true, shade: band, lines: [{ name: 'NIS', legend: 'NIS, its 99 % band shaded', unit: '', colour: 'series-2', t: scaled(nis.t), y: nis.y }] },
    ];
    if (chart.dataset.panels === 'nis') panels.shift();
    const last = nis.y.filter((value) => value !== null).pop();
    const label = `Innovations and normalised innovation squared; newest mean ${last === undefined ? 'not known' : last.toFixed(2)}, band ${band[0].toFixed(2)} to ${band[1].toFixed(2)}`;
    roviCharts.drawChart(chart, { panels, x: shown.x, label }, { keepY: shown.keepY, onRange: shown.onRange });
    const points = sizes.length;
    const shownRows = points < innovations.rows ? `${thin(points)} of ${thin(innovations.rows)} rows shown` : `${thin(innovations.rows)} rows`;
    if (note) note.textContent = beyond ? `${shownRows}, ${thin(beyond)} beyond the axis` : shownRows;
  };

  const load = async (shown) => {
    if (isFetching) { wanted = shown; return; }
    isFetching = true;
    try {
      const query = new URLSearchParams({ from: String(shown.range.start), to: String(shown.range.end) });
      const answer = await fetch(`${chart.dataset.series}?${query}`, { cache: 'no-store' });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      draw(await answer.json(), shown);
    } catch (error) {
      if (chart.classList.contains('chart-wait')) chart.textContent = `The innovations could not be read: ${error.message}`;
    } finally {
      isFetching = false;
      if (wanted) { const next = wanted; wanted = null; setTimeout(() => load(next), 1000); }
    }
  };

  if (chart) document.addEventListener('rovi:drawn', (event) => load(event.detail));
}
