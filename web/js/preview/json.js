// JSON with its numbers as they were written: 9007199254740993 and 1.10 stay so.
export class WrittenNumber {
  constructor(text) {
    this.text = text;
  }
}

// A list or an object, not a number that is kept as it was written.
export const isNode = (value) => value !== null && typeof value === 'object' && !(value instanceof WrittenNumber);

// Browsers that do not tell the source of a number show it as JavaScript reads it.
export function parseJson(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source ? new WrittenNumber(context.source) : value);
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
