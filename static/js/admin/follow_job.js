/* Follows a job until it has ended, then shows the page anew with what came out. */
'use strict';
{
  const EVERY_MS = 1000;
  for (const box of document.querySelectorAll('[data-follow-job]')) {
    const look = async () => {
      const answer = await fetch(box.dataset.followJob, { cache: 'no-store' }).catch(() => null);
      if (!answer?.ok) { box.textContent = 'Not connected. Showing what was known then.'; setTimeout(look, 5 * EVERY_MS); return; }
      const job = await answer.json();
      if (['done', 'failed', 'cancelled'].includes(job.state)) { location.reload(); return; }
      box.textContent = job.state === 'queued' ? 'Waits for a worker.' : `${Math.round(100 * job.progress)} % ${job.message}`;
      setTimeout(look, EVERY_MS);
    };
    setTimeout(look, EVERY_MS);
  }
}
