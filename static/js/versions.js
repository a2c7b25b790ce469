/* Two versions of an estimator on one chart a quantity, over the range that the page shows. */
'use strict';
{
  const box = document.getElementById('version-charts');
  const UNITS = [[600, 1, 's'], [4 * 3600, 60, 'min'], [4 * 86400, 3600, 'h'], [3 * 365.25 * 86400, 86400, 'd'], [Infinity, 365.25 * 86400, 'y']];
  const QUANTITIES = [['q_t', 'Capacity', 'Ah'], ['r0', 'R0', 'mΩ'], ['soc', 'SOC', '%']];
  const COLOURS = ['series-1', 'series-2'];
  const SD = 1.96;
  let isFetching = false;
  let notBefore = 0;
  let isWanted = false;

  const draw = (data) => {
    const seconds = data.range.end - data.range.start;
    const unit = UNITS.find(([most]) => seconds < most);
    const scaled = (t) => t.map((value) => (value === null ? null : value / unit[1]));
    for (const [key, title, unitName] of QUANTITIES) {
      const chart = document.getElementById(`versions-${key}`);
      const lines = data.versions.filter((version) => version.series[key]).map((version, i) => {
        const { t, mean, sd } = version.series[key];
        const edge = (sign) => mean.map((value, k) => (value === null || sd[k] === null ? null : value + sign * SD * sd[k]));
        return { name: version.name, legend: `${version.name}, 95 % band`, unit: unitName, colour: COLOURS[i], dashed: i > 0, t: scaled(t), y: mean, lower: edge(-1), upper: edge(1), bandInScale: key !== 'soc' };
      });
      if (!lines.length) { chart.textContent = 'Neither version has estimates of it in this range.'; continue; }
      const label = `${title} of ${lines.map((line) => line.name).join(' and ')}`;
      roviCharts.drawChart(chart, { panels: [{ title: `${title}, ${unitName}`, lines }], x: { title: `test time, ${unit[2]}`, range: [data.range.start / unit[1], data.range.end / unit[1]] }, label });
    }
  };

  const load = async () => {
    if (isFetching || Date.now() < notBefore) { isWanted = true; return; }
    isFetching = true;
    isWanted = false;
    const began = Date.now();
    try {
      const here = new URLSearchParams(location.search);
      const query = new URLSearchParams({ a: box.dataset.a, b: box.dataset.b, from: here.get('from') || '', to: here.get('to') || '' });
      const answer = await fetch(`${box.dataset.series}?${query}`, { cache: 'no-store' });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      draw(await answer.json());
    } catch (error) {
      for (const chart of box.querySelectorAll('.chart-wait')) chart.textContent = `The series could not be read: ${error.message}`;
    } finally {
      isFetching = false;
      notBefore = Date.now() + Math.max(5000, 20 * (Date.now() - began));
    }
  };

  if (box) {
    document.addEventListener('rovi:changed', (event) => { if (!event.detail || event.detail.estimator) load(); });
    setInterval(() => { if (isWanted) load(); }, 1000);
    load();
  }
}
