import assert from 'node:assert/strict';
import test from 'node:test';
import {followLog} from '../js/api/log_stream.js';
import {createDecoder, decodeText} from '../js/preview/decode.js';

const latin = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const utf8 = (text) => new TextEncoder().encode(text);
const wide = (text, mark = [0xff, 0xfe]) => Uint8Array.from([...mark, ...(mark[0] === 0xff ? Buffer.from(text, 'utf16le') : Buffer.from(text, 'utf16le').swap16())]);

test('the encodings of spreadsheets are told by the bytes', () => {
  const text = 'região;valor\nSão Paulo;1,5\n';
  for (const [bytes, encoding] of [[utf8(text), 'UTF-8'], [utf8(`\ufeff${text}`), 'UTF-8'], [latin(text), 'Windows-1252'], [wide(text), 'UTF-16'], [wide(text, [0xfe, 0xff]), 'UTF-16']]) {
    assert.deepEqual(decodeText(bytes), {text, encoding, damaged: false});
  }
  assert.deepEqual(decodeText(new Uint8Array(0)), {text: '', encoding: 'UTF-8', damaged: false});
  assert.deepEqual(decodeText(utf8('a\ufffdb')), {text: 'a\ufffdb', encoding: 'UTF-8', damaged: false});
});

test('a damaged byte among letters of UTF-8 damages no other letter, and that is told', () => {
  assert.deepEqual(decodeText(Uint8Array.from([...utf8('região'), 0xff, ...utf8('ção')])), {text: 'região\ufffdção', encoding: 'UTF-8', damaged: true});
});

test('a part of a file may end within a letter', () => {
  const bytes = utf8('região 😀');
  for (let end = 0; end <= bytes.length; ++end) {
    const {text, encoding, damaged} = decodeText(bytes.subarray(0, end), true);
    assert.ok('região 😀'.startsWith(text) && encoding === 'UTF-8' && !damaged, `${end}: ${text}`);
  }
});

test('pieces give the same text however they are cut', () => {
  const text = 'região 😀 fim';
  for (const [bytes, want] of [[utf8(text), text], [utf8(`\ufeff${text}`), text], [wide(text), text], [latin('plain ASCII'), 'plain ASCII']]) {
    for (const size of [1, 2, 3, 5, 100]) {
      const decoder = createDecoder();
      let found = '';
      for (let at = 0; at < bytes.length; at += size) found += decoder.push(bytes.subarray(at, at + size), at + size >= bytes.length);
      assert.equal(found, want, `pieces of ${size}`);
    }
  }
});

test('a log that is no UTF-8 keeps its letters', async () => {
  const seen = [];
  const body = new ReadableStream({start(controller) {
    for (const piece of [latin('região\n'), utf8('região\n'), utf8('ação').subarray(0, 2), utf8('ação').subarray(2)]) controller.enqueue(piece);
    controller.close();
  }});
  await followLog({open: async () => new Response(body), onText: (text) => seen.push(text), signal: new AbortController().signal});
  assert.equal(seen.join(''), 'região\nregião\nação');
});
