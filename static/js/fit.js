/* The charts of a fitted cell model: each box names the one it shows. */
'use strict';
{
  const boxes = [...document.querySelectorAll('[data-fit-chart]')];

  const draw = async () => {
    const address = boxes[0].dataset.fit;
    const answer = await fetch(address, { cache: 'no-store' });
    if (!answer.ok) {
      for (const box of boxes) box.textContent = `The plots could not be read: the server answered ${answer.status}.`;
      return;
    }
    const charts = await answer.json();
    for (const box of boxes) {
      const spec = charts[box.dataset.fitChart];
      if (spec) roviCharts.drawChart(box, spec); else box.textContent = box.dataset.nothing;
    }
  };

  if (boxes.length) draw();
}
