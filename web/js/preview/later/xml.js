// XML in pieces, as far as workbooks have it: elements, attributes, text. A document type, which could define entities, is refused, so
// nothing grows and nothing is fetched.
const LONGEST_TAG = 1 << 16;
const ENTITIES = new Map([['lt', '<'], ['gt', '>'], ['amp', '&'], ['quot', '"'], ['apos', "'"]]);

export function decodeEntities(text) {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|\w{1,8});/g, (whole, name) => {
    if (!name.startsWith('#')) return ENTITIES.get(name) ?? whole;
    const code = name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
  });
}

const isSpace = (character) => character === ' ' || character === '\n' || character === '\t' || character === '\r';

// The attributes of a tag as a Map, their names without prefixes' meaning: 'r:id' stays 'r:id'. It is read once from left to right: a tag
// may be long and hostile.
export function attributesOf(text) {
  const found = new Map();
  for (let at = 0; ; ) {
    const equals = text.indexOf('=', at);
    if (equals < 0) return found;
    let end = equals;
    while (end > at && isSpace(text[end - 1])) --end;
    let begin = end;
    while (begin > at && !isSpace(text[begin - 1])) --begin;
    let open = equals + 1;
    while (isSpace(text[open])) ++open;
    const quote = text[open];
    if (quote !== '"' && quote !== "'") {
      at = open;
      continue;
    }
    const close = text.indexOf(quote, open + 1);
    if (close < 0) return found;
    if (begin < end) found.set(text.slice(begin, end), decodeEntities(text.slice(open + 1, close)));
    at = close + 1;
  }
}

const plainName = (name) => name.slice(name.indexOf(':') + 1);

// push(text) calls open(name, attributes text), text(text), close(name). Names are without prefix.
export function createXmlReader({open = () => {}, text: onText = () => {}, close = () => {}}) {
  let rest = '';
  return (piece) => {
    const all = rest + piece;
    let at = 0;
    for (;;) {
      const begin = all.indexOf('<', at);
      if (begin < 0) {
        // A text may go on in the next piece, and an entity at its end, too.
        const cut = all.lastIndexOf('&');
        const end = cut >= at && all.length - cut < 12 ? cut : all.length;
        if (end > at) onText(decodeEntities(all.slice(at, end)));
        rest = all.slice(end);
        return;
      }
      if (begin > at) onText(decodeEntities(all.slice(at, begin)));
      const special = all.startsWith('<!--', begin) ? '-->' : all.startsWith('<![CDATA[', begin) ? ']]>' : all.startsWith('<?', begin) ? '?>' : '>';
      const end = all.indexOf(special, begin);
      if (end < 0) {
        rest = all.slice(begin);
        if (rest.length > LONGEST_TAG) throw new Error('a tag that is too long');
        return;
      }
      at = end + special.length;
      if (special === ']]>') onText(all.slice(begin + 9, end));
      if (special !== '>') continue;
      if (all[begin + 1] === '!') {
        if (all.length - begin < 9 || /^<!(?:\[CD|--?$)/.test(all.slice(begin, begin + 4))) throw new Error('XML that is damaged');
        throw new Error('a document type');
      }
      const tag = all.slice(begin + 1, end);
      if (tag[0] === '/') close(plainName(tag.slice(1).trim()));
      else {
        const empty = tag.endsWith('/');
        const [name] = /^[^\s/]*/.exec(tag);
        open(plainName(name), tag.slice(name.length));
        if (empty) close(plainName(name));
      }
    }
  };
}
