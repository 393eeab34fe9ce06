// Lines of a log with the colours of ANSI escapes (ECMA-48). Every other control sequence is left out.
const ESCAPE = /\u001b(?:\[([0-9;:]*)([ -/]*[@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~]?)/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const plain = {colour: null, bold: false, dim: false, underline: false};

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
    else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;  // 256 colours: not shown
  }
  return next;
}

export const classOf = ({colour, bold, dim, underline}) =>
  [colour !== null && `ansi-${colour}`, bold && 'ansi-bold', dim && 'ansi-dim', underline && 'ansi-underline'].filter(Boolean).join(' ');

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
