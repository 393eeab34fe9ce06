// Times, durations and numbers as the reader writes them. Times of the API are UTC, '2020-09-23_16:29:39'.
export function parseTime(text) {
  const found = /^(\d{4})-(\d\d)-(\d\d)_(\d\d):(\d\d):(\d\d)$/.exec(text ?? '');
  if (!found) return null;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

// The browser's own variant of the language (pt-PT, en-GB), if it has one.
export const localeOf = (language, tags) => tags.find((tag) => tag.toLowerCase().split('-')[0] === language) ?? (language === 'pt' ? 'pt-BR' : 'en');

export function createFormats(locale, timeZone) {
  const time = new Intl.DateTimeFormat(locale, {hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone});
  const dayTime = new Intl.DateTimeFormat(locale, {day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZone});
  const full = new Intl.DateTimeFormat(locale, {dateStyle: 'long', timeStyle: 'long', timeZone});
  const dayOf = new Intl.DateTimeFormat('en-CA', {dateStyle: 'short', timeZone});
  const whole = new Intl.NumberFormat(locale);
  const date = new Intl.DateTimeFormat(locale, {dateStyle: 'medium', timeZone});
  const hour = new Intl.DateTimeFormat(locale, {hour: '2-digit', timeZone});
  const day = new Intl.DateTimeFormat(locale, {weekday: 'short', day: 'numeric', timeZone});
  const share = new Intl.NumberFormat(locale, {style: 'percent', maximumFractionDigits: 1});
  const exact = new Intl.NumberFormat(locale, {maximumSignificantDigits: 17, useGrouping: false});
  const compact = new Intl.NumberFormat(locale, {notation: 'compact', maximumSignificantDigits: 4});
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const size = units.map((unit, index) =>
    new Intl.NumberFormat(locale, {style: 'unit', unit, unitDisplay: index ? 'short' : 'long', maximumFractionDigits: index > 1 ? 1 : 0}));
  const tenth = new Intl.NumberFormat(locale, {maximumFractionDigits: 1});
  return {
    number: (value) => whole.format(value),
    // With all its digits.
    exactNumber: (value) => exact.format(value),
    // Whether decimals are written with a comma.
    comma: whole.formatToParts(1.5).some(({type, value}) => type === 'decimal' && value === ','),
    // For the axes of a plot: 1.2K, 3.5M, and in Portuguese 1,2 mil.
    short: (value) => compact.format(value),
    // The time alone for today, with the day for other days.
    moment: (at, now) => (at === null ? '–' : dayOf.format(at) === dayOf.format(now) ? time.format(at) : dayTime.format(at)),
    date: (at) => date.format(at),
    hour: (at) => hour.format(at),
    day: (at) => day.format(at),
    percent: (value) => share.format(value),
    exact: (at) => (at === null ? '' : full.format(at)),
    bytes(value) {
      let index = 0;
      while (value >= 1000 && index < units.length - 1) {
        value /= 1000;
        ++index;
      }
      return size[index].format(value);
    },
    // Two units at most: 1.2 s, 45 s, 3 min 20 s, 2 h 05 min, 3 d 4 h.
    duration(milliseconds) {
      const seconds = Math.max(0, milliseconds) / 1000;
      if (seconds < 10) return `${tenth.format(seconds)} s`;
      if (seconds < 60) return `${Math.floor(seconds)} s`;
      const two = (value) => String(value).padStart(2, '0');
      const minutes = Math.floor(seconds / 60);
      if (minutes < 60) return `${minutes} min ${two(Math.floor(seconds % 60))} s`;
      const hours = Math.floor(minutes / 60);
      if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
      return `${Math.floor(hours / 24)} d ${hours % 24} h`;
    },
  };
}
