// The lines of a log that grows. Only what is new is split; what is too much is left out at the front. No drawing.
import {isErrorLine, withoutAnsi} from './ansi.js';

export const LIMITS = {
  line: 5000,  // characters of a line, its escapes too
  lines: 400_000,  // a browser's box has a highest height
  text: 16 << 20,  // characters of all lines
};

// append(text) takes pieces however they are cut. A line is shown as a terminal does: after a carriage return it begins anew.
export function createLogBuffer(limits = LIMITS) {
  let lines = [];
  let from = 0;  // what lies before it in `lines` was left out
  let size = 0;
  let dropped = 0;
  let open = '';  // the last line, which has no line break yet
  let over = 0;  // characters of it that are not kept
  let returned = false;  // it ended with a carriage return
  let firstError = -1;  // counted from the beginning of the log
  let begun = false;

  function add(piece) {
    if (piece === '') return;
    begun = true;
    // A carriage return before the line break belongs to the line break.
    if (returned) {
      open = '';
      over = 0;
      returned = false;
    }
    let text = piece;
    if (text.endsWith('\r')) {
      returned = true;
      text = text.slice(0, -1);
    }
    const last = text.lastIndexOf('\r');
    if (last >= 0) {
      open = '';
      over = 0;
      text = text.slice(last + 1);
    }
    const room = Math.max(0, limits.line - open.length);
    open += text.slice(0, room);
    over += Math.max(0, text.length - room);
  }

  const shown = () => (over ? `${open} … (+${over})` : open);

  function end() {
    const line = shown();
    if (firstError < 0 && isErrorLine(line)) firstError = dropped + lines.length - from;
    lines.push(line);
    size += line.length;
    open = '';
    over = 0;
    returned = false;
    begun = false;
  }

  function bound() {
    while (lines.length - from > 1 && (lines.length - from > limits.lines || size > limits.text)) {
      size -= lines[from].length;
      lines[from++] = '';
      ++dropped;
    }
    if (from > 4096 && from * 2 > lines.length) {
      lines = lines.slice(from);
      from = 0;
    }
    if (firstError >= 0 && firstError < dropped) findError();
  }

  function findError() {
    firstError = -1;
    for (let at = from; at < lines.length && firstError < 0; ++at) if (isErrorLine(lines[at])) firstError = dropped + at - from;
  }

  return {
    append(text) {
      for (let at = 0; ;) {
        const next = text.indexOf('\n', at);
        if (next < 0) {
          add(text.slice(at));
          break;
        }
        // Most lines come whole.
        add(text.slice(at, next));
        end();
        at = next + 1;
      }
      bound();
    },
    // How many lines there are, the open one too.
    count: () => lines.length - from + (begun ? 1 : 0),
    // Line `index` of those that are kept.
    line: (index) => (index < lines.length - from ? lines[from + index] : shown()),
    // How many lines were left out at the front.
    dropped: () => dropped,
    // The first line that looks like an error, of those that are kept, or -1.
    error: () => (firstError < 0 ? -1 : firstError - dropped),
  };
}

// A search that goes on where it stopped: the log grows while it is searched. step() searches for about `budget` milliseconds and
// tells whether it is done for now. matches(): numbers of lines of those that are kept.
export function createSearch(buffer, wanted, now = () => performance.now()) {
  const text = wanted.toLowerCase();
  let found = [];
  let next = 0;  // counted from the beginning of the log, as `found`
  return {
    step(budget = 12) {
      const dropped = buffer.dropped();
      next = Math.max(next, dropped);
      // The open line may still change: it is searched when it is whole.
      const end = dropped + buffer.count() - 1;
      const until = now() + budget;
      for (let checked = 0; next < end; ++next) {
        if (++checked % 256 === 0 && now() > until) return false;
        if (withoutAnsi(buffer.line(next - dropped)).toLowerCase().includes(text)) found.push(next);
      }
      if (found.length && found[0] < dropped) found = found.filter((line) => line >= dropped);
      return true;
    },
    matches() {
      const dropped = buffer.dropped();
      const last = buffer.count() - 1;
      const all = found.filter((line) => line >= dropped).map((line) => line - dropped);
      return last >= 0 && next - dropped <= last && withoutAnsi(buffer.line(last)).toLowerCase().includes(text) ? [...all, last] : all;
    },
  };
}
