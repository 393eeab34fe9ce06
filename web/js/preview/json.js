// JSON with its numbers as they were written: 9007199254740993 and 1.10 stay so.
export class WrittenNumber {
  constructor(text) {
    this.text = text;
  }
}

// A list or an object, not a number that is kept as it was written.
export const isNode = (value) => value !== null && typeof value === 'object' && !(value instanceof WrittenNumber);

// Whether this browser tells a reviver how a number was written.
const TELLS = (() => {
  let tells = false;
  JSON.parse('1', (_, value, context) => {
    tells = context?.source === '1';
    return value;
  });
  return tells;
})();

// Throws a SyntaxError if it is no JSON.
export function parseJson(text, tells = TELLS) {
  if (tells) return JSON.parse(text, (_, value, context) => (typeof value === 'number' && String(value) !== context.source ? new WrittenNumber(context.source) : value));
  const value = JSON.parse(text);
  // Such numbers become texts with a beginning that no text has, and then what they are.
  const mark = `${Math.random()} ${Math.random()} `;
  const marked = withMarkedNumbers(text, mark);
  return marked === null ? value : JSON.parse(marked, (_, one) => (typeof one === 'string' && one.startsWith(mark) ? new WrittenNumber(one.slice(mark.length)) : one));
}

// Where the string ends that begins at `at`, in text that is JSON.
function endOfString(text, at) {
  for (++at; at < text.length; ++at) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) ++at;
  }
  return text.length;
}

const NUMBER = /-?\d[\d.eE+-]*/y;

// null: there are none that JavaScript would write in another way.
function withMarkedNumbers(text, mark) {
  const parts = [];
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      NUMBER.lastIndex = at;
      const [written] = NUMBER.exec(text);
      if (String(Number(written)) !== written) {
        parts.push(text.slice(from, at), `"${mark}${written}"`);
        from = at + written.length;
      }
      at += written.length;
    } else ++at;
  }
  return from === 0 ? null : parts.join('') + text.slice(from);
}

const isBlank = (text, at) => ' \t\r\n'.includes(text[at] ?? 'x');
const REST = /[^\s,\]}]+/y;
const MOST_INDENTED = 40;  // levels; a text with very many would grow by the square of them

// JSON in lines. Only its white space is another: members keep their order, numbers and texts their letters. {text, cut}: at most `most`
// characters of it, and whether that is not all. text must be JSON.
export function indentJson(text, most = Infinity) {
  const parts = [];
  let size = 0;
  let depth = 0;
  let at = 0;
  const put = (part) => {
    parts.push(part);
    size += part.length;
  };
  const line = () => put(`\n${'  '.repeat(Math.min(depth, MOST_INDENTED))}`);
  while (at < text.length && size < most) {
    const mark = text[at];
    if (isBlank(text, at)) ++at;
    else if (mark === '{' || mark === '[') {
      let next = at + 1;
      while (isBlank(text, next)) ++next;
      const empty = text[next] === '}' || text[next] === ']';
      put(empty ? mark + text[next] : mark);
      at = empty ? next + 1 : at + 1;
      if (empty) continue;
      ++depth;
      line();
    } else if (mark === '}' || mark === ']') {
      --depth;
      line();
      put(mark);
      ++at;
    } else if (mark === ',') {
      put(mark);
      line();
      ++at;
    } else if (mark === ':') {
      put(': ');
      ++at;
    } else {
      REST.lastIndex = at;
      const end = mark === '"' ? endOfString(text, at) : at + (REST.exec(text)?.[0].length ?? 1);
      put(text.slice(at, end));
      at = end;
    }
  }
  while (isBlank(text, at)) ++at;
  const whole = parts.join('');
  return {text: whole.slice(0, most), cut: at < text.length || whole.length > most};
}

// Why a text is not a JSON object, as {line, column} of the first fault, {object: false} if it is another value, or null.
export function faultOf(text) {
  if (text.trim() === '') return null;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    const lines = text.slice(0, faultAt(text)).split('\n');
    return {line: lines.length, column: lines.at(-1).length + 1};
  }
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? null : {object: false};
}

const TOKEN = /[ \t\r\n]*(?:([[\]{},:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|((?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)(?![\w.])))/y;

// Where the text stops to be JSON. Browsers say that in different words, and some not at all.
function faultAt(text) {
  const open = [];
  // What may come: value, key, end (of the list or object), colon, comma, or nothing more.
  let wanted = ['value'];
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) break;
    const [whole, mark, string] = found;
    const after = () => (open.length ? ['comma', 'end'] : []);
    const takes = (kind) => wanted.includes(kind);
    if ((mark === '{' || mark === '[') && takes('value')) {
      open.push(mark);
      wanted = mark === '{' ? ['key', 'end'] : ['value', 'end'];
    } else if ((mark === '}' || mark === ']') && takes('end') && open.at(-1) === (mark === '}' ? '{' : '[')) {
      open.pop();
      wanted = after();
    } else if (mark === ',' && takes('comma')) wanted = open.at(-1) === '{' ? ['key'] : ['value'];
    else if (mark === ':' && takes('colon')) wanted = ['value'];
    else if (string && takes('key')) wanted = ['colon'];
    else if (!mark && takes('value')) wanted = after();
    else break;
    at += whole.length;
  }
  return at + /^[ \t\r\n]*/.exec(text.slice(at))[0].length;
}
