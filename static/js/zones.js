/* Clocks of time zones, which Plotly does not know: its dates are those of UTC. Times are milliseconds since 1970.

   wall(ms, zone)   what the clock of the zone shows then, as if it were UTC
   at(wall, zone)   the first time at which it shows that
   stamp(ms, zone)  2026-10-25T02:15:00+02:00
   ticks(from, to, zone, most)  { values, words } at round hours, days or months of the zone */
'use strict';

const roviZones = (() => {
  const MINUTE = 60000;
  const DAY = 1440 * MINUTE;
  const STEPS = [15, 60, 180, 360, 720, 1440, 2 * 1440, 7 * 1440, 14 * 1440, 28 * 1440, 91 * 1440, 365 * 1440];
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const formats = new Map();
  const formatOf = (zone) => {
    if (!formats.has(zone)) formats.set(zone, new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }));
    return formats.get(zone);
  };
  const pad = (number) => String(number).padStart(2, '0');

  const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

  const wall = (ms, zone) => {
    if (zone === 'UTC') return ms;
    const part = Object.fromEntries(formatOf(zone).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) + (((ms % 1000) + 1000) % 1000);
  };
  const offset = (ms, zone) => wall(ms, zone) - ms;
  const at = (shown, zone) => shown - offset(shown - offset(shown, zone), zone);

  const stamp = (ms, zone) => {
    const text = new Date(wall(ms, zone)).toISOString().replace('.000Z', '').replace('Z', '');
    if (zone === 'UTC') return `${text}Z`;
    const minutes = Math.round(offset(ms, zone) / MINUTE);
    return `${text}${minutes < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  };

  const ticks = (from, to, zone, most) => {
    const step = (STEPS.find((minutes) => (to - from) / (minutes * MINUTE) <= most) || STEPS[STEPS.length - 1]) * MINUTE;
    const values = [];
    const words = [];
    let year = null;
    const add = (ms, shown) => {
      if (ms < from || ms > to) return;
      const date = new Date(shown);
      const day = `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`;
      const isNew = date.getUTCFullYear() !== year;
      year = date.getUTCFullYear();
      if (step >= DAY) words.push(isNew ? `${day}<br>${year}` : day);
      else words.push(`${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}${isNew ? `<br>${day}, ${year}` : shown % DAY === 0 ? `<br>${day}` : ''}`);
      values.push(ms);
    };
    for (let shown = (Math.ceil(wall(from, zone) / step) - 1) * step; at(shown, zone) <= to; shown += step) {
      const ms = at(shown, zone);
      add(ms, shown);
      const again = shown - offset(ms + DAY / 8, zone);
      if (again > ms && wall(again, zone) === shown) add(again, shown);  // as clocks are put back
    }
    return { values, words };
  };

  return { here, wall, at, stamp, ticks };
})();
