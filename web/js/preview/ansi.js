// Lines of a log with the colours of ANSI escapes (ECMA-48). Every other control sequence is left out.
const ESCAPE = /\u001b(?:\[([0-9;:]*)([ -/]*[@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~]?)/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const plain = {colour: null, ground: null, bold: false, dim: false, underline: false};

// The nearest of the eight colours of the page to one of 256, or to red, green and blue.
const ofMix = (...parts) => parts.reduce((sum, part, bit) => sum + (part > 127 ? 1 << bit : 0), 0);
function ofMany(code) {
  if (code < 16) return code % 8;
  if (code > 231) return code > 243 ? 7 : 0;
  return ofMix(...[36, 6, 1].map((place) => (Math.floor((code - 16) / place) % 6) * 51));
}

function changed(style, parameters) {
  const codes = parameters === '' ? [0] : parameters.split(/[;:]/).map(Number);
  let next = style;
  for (let at = 0; at < codes.length; ++at) {
    const code = codes[at];
    if (code === 0) next = plain;
    else if (code === 1) next = {...next, bold: true};
    else if (code === 2) next = {...next, dim: true};
    else if (code === 4) next = {...next, underline: true};
    else if (code === 22) next = {...next, bold: false, dim: false};
    else if (code === 24) next = {...next, underline: false};
    else if (code >= 30 && code <= 37) next = {...next, colour: code - 30};
    else if (code >= 90 && code <= 97) next = {...next, colour: code - 90};
    else if (code === 39) next = {...next, colour: null};
    else if (code >= 40 && code <= 47) next = {...next, ground: code - 40};
    else if (code >= 100 && code <= 107) next = {...next, ground: code - 100};
    else if (code === 49) next = {...next, ground: null};
    else if (code === 38 || code === 48) {
      const many = codes[at + 1] === 5;
      const given = codes.slice(at + 2, at + (many ? 3 : 5));
      const found = many ? ofMany(given[0]) : ofMix(...given);
      if (given.length === (many ? 1 : 3) && given.every((one) => one < 256)) next = {...next, [code === 38 ? 'colour' : 'ground']: found};
      at += many ? 2 : 4;
    }
  }
  return next;
}

export const classOf = ({colour, ground, bold, dim, underline}) =>
  [colour !== null && `ansi-${colour}`, ground !== null && `ansi-on-${ground}`, bold && 'ansi-bold', dim && 'ansi-dim', underline && 'ansi-underline'].filter(Boolean).join(' ');

const MOST_PARTS = 200;

// The parts [{text, class}] of one line, and the style with which the next one begins. What follows after MOST_PARTS parts has one
// colour: each part is an element of the page.
export function ansiParts(line, style = plain) {
  const parts = [];
  let from = 0;
  const push = (text) => {
    const shown = text.replace(CONTROL, '');
    if (!shown) return;
    const name = classOf(style);
    const last = parts.at(-1);
    if (last && (last.class === name || parts.length === MOST_PARTS)) last.text += shown;
    else parts.push({text: shown, class: name});
  };
  for (const found of line.matchAll(ESCAPE)) {
    push(line.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[2] === 'm') style = changed(style, found[1]);
  }
  push(line.slice(from));
  return {parts, style};
}

const MOST_BEFORE = 200;

// The style with which line `first` begins, from the MOST_BEFORE lines before it. lineOf(number): a line.
export function styleBefore(first, lineOf) {
  let style = plain;
  for (let line = Math.max(0, first - MOST_BEFORE); line < first; ++line) if (lineOf(line).includes('\u001b')) ({style} = ansiParts(lineOf(line), style));
  return style;
}

// The text without escapes.
export const withoutAnsi = (line) => line.replace(ESCAPE, '').replace(CONTROL, '');

const ERROR = /\b(error|exception|traceback|fatal|panic|erro|falha)\b/i;

const MAY_BE_ERROR = /error|exception|traceback|fatal|panic|erro|falha/i;  // most lines are not looked at twice

export const isErrorLine = (line) => MAY_BE_ERROR.test(line) && ERROR.test(withoutAnsi(line));

// The entry {name, size} of a job's logs that is shown first: stdout, of a failed job stderr; without it the first that has text.
export function firstLog(entries, failed) {
  const full = entries.filter(({size}) => size > 0);
  return full.find(({name}) => (failed ? /stderr/ : /stdout/).test(name)) ?? full[0];
}
