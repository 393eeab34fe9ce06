// Text out of bytes whose encoding nobody tells. UTF-8 is what most programs write; spreadsheets write Windows-1252 or UTF-16 too.

const BOMS = [['UTF-16', 'utf-16le', [0xff, 0xfe]], ['UTF-16', 'utf-16be', [0xfe, 0xff]], ['UTF-8', null, [0xef, 0xbb, 0xbf]]];
const NONE = new Uint8Array(0);
const strict = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const lenient = new TextDecoder('utf-8', {ignoreBOM: true});
const windows = new TextDecoder('windows-1252');

// How many bytes at the end are the beginning of a character of UTF-8.
function unfinished(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); ++back) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

function joined(first, second) {
  if (first.length === 0) return second;
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

const countOf = (text, pattern) => text.match(pattern)?.length ?? 0;

// For bytes that come in pieces. push(bytes, last) gives the text that is known by then. encoding(): 'UTF-8', 'UTF-16' or 'Windows-1252'.
// damaged(): UTF-8 with bytes that are none; they became U+FFFD. A piece of which more is wrong UTF-8 than right, beyond ASCII, is read as
// Windows-1252, which has a letter for each byte.
export function createDecoder() {
  let name = 'UTF-8';
  let wide = null;  // the decoder of UTF-16
  let begun = false;
  let damaged = false;
  let kept = NONE;  // bytes whose character has not come whole

  // The bytes without their mark of order, or null: it may not have come whole.
  function begin(bytes, last) {
    const fits = (mark) => mark.slice(0, bytes.length).every((byte, index) => bytes[index] === byte);
    if (!last && BOMS.some(([, , mark]) => bytes.length < mark.length && fits(mark))) return null;
    begun = true;
    const bom = BOMS.find(([, , mark]) => bytes.length >= mark.length && fits(mark));
    if (!bom) return bytes;
    name = bom[0];
    if (bom[1]) wide = new TextDecoder(bom[1], {ignoreBOM: true});
    return bytes.subarray(bom[2].length);
  }

  function narrow(bytes) {
    try {
      return strict.decode(bytes);
    } catch {
      const text = lenient.decode(bytes);
      const wrong = countOf(text, /\ufffd/g);
      if (wrong > countOf(text, /[^\u0000-\u007f]/g) - wrong) {
        name = 'Windows-1252';
        return windows.decode(bytes);
      }
      damaged = true;
      return text;
    }
  }

  return {
    push(piece, last = false) {
      let bytes = joined(kept, piece);
      kept = NONE;
      if (!begun) {
        const rest = begin(bytes, last);
        if (rest === null) {
          kept = bytes;
          return '';
        }
        bytes = rest;
      }
      if (wide) return wide.decode(bytes, {stream: !last});
      const end = bytes.length - (last ? 0 : unfinished(bytes));
      kept = bytes.slice(end);
      return narrow(bytes.subarray(0, end));
    },
    encoding: () => name,
    damaged: () => damaged,
  };
}

// {text, encoding, damaged} of all bytes. cut: they are the first part of a text, so the last character may not be whole.
export function decodeText(bytes, cut = false) {
  const decoder = createDecoder();
  const text = decoder.push(bytes, !cut);
  return {text, encoding: decoder.encoding(), damaged: decoder.damaged()};
}
