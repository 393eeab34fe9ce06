import assert from 'node:assert/strict';
import test from 'node:test';
import {createLogBuffer, createSearch} from '../js/preview/log_buffer.js';

const linesOf = (buffer) => Array.from({length: buffer.count()}, (_, index) => buffer.line(index));
const limits = {line: 10, lines: 100, text: 1000};

test('lines are those that a terminal shows, however the text is cut', () => {
  for (const [text, want] of [['a\r\n10%\r100%\nend', ['a', '100%', 'end']], ['\n', ['']], ['', []], ['a\n\nb\n', ['a', '', 'b']], ['x\r\r\ny', ['', 'y']], ['10%\r', ['10%']], ['10%\r20%\r', ['20%']]]) {
    for (const size of [1, 2, 3, 1000]) {
      const buffer = createLogBuffer();
      for (let at = 0; at < text.length; at += size) buffer.append(text.slice(at, at + size));
      assert.deepEqual(linesOf(buffer), want, `${JSON.stringify(text)} in pieces of ${size}`);
    }
  }
});

test('long lines are cut, and what is left out is counted', () => {
  const buffer = createLogBuffer();
  for (let count = 0; count < 128; ++count) buffer.append('x'.repeat(62_500));
  assert.equal(buffer.line(0), `${'x'.repeat(5000)} … (+7995000)`);
  buffer.append('\nnext');
  assert.equal(buffer.line(1), 'next');
});

test('of a log that is too much the end is kept', () => {
  const buffer = createLogBuffer(limits);
  for (let count = 0; count < 50_000; ++count) buffer.append(`${count}\n`);
  assert.equal(buffer.count(), 100);
  assert.equal(buffer.dropped(), 49_900);
  assert.deepEqual([buffer.line(0), buffer.line(99)], ['49900', '49999']);
  const short = createLogBuffer({...limits, text: 20});
  short.append('0123456789\n'.repeat(5));
  assert.equal(short.count(), 2);
});

// Splitting the whole text for each piece would take minutes here.
test('a log of 100 MB in small pieces is read in one pass', {timeout: 60_000}, () => {
  const buffer = createLogBuffer();
  const piece = `${'2026-11-29 10:00:00 INFO a step of many that are all alike 0123456789'.padEnd(99)}\n`.repeat(100);
  for (let size = 0; size < 100_000_000; size += piece.length) buffer.append(piece);
  assert.ok(buffer.count() <= 400_000 && buffer.count() > 100_000);
  assert.equal(buffer.count() + buffer.dropped(), 1_000_000);
});

test('the first error of the lines that are kept is known', () => {
  const buffer = createLogBuffer({...limits, lines: 3});
  buffer.append('terror\n\u001b[31mERR');
  assert.equal(buffer.error(), -1);
  buffer.append('OR\u001b[0m\n');
  assert.equal(buffer.error(), 1);
  buffer.append('a\nFatal\nb\n');
  assert.equal(buffer.error(), 1);
  buffer.append('c\nd\n');
  assert.equal(buffer.error(), -1);
});

test('a search goes on while the log grows, in small steps', () => {
  const buffer = createLogBuffer({...limits, lines: 1000, text: 1e6});
  let time = 0;
  const search = createSearch(buffer, 'Two', () => (time += 20));
  buffer.append('one\ntwo\n'.repeat(300));
  assert.equal(search.step(), false);
  while (!search.step());
  assert.equal(search.matches().length, 300);
  buffer.append('t\u001b[1mWO');
  search.step();
  assert.equal(search.matches().at(-1), 600);
  buffer.append('!\nlast\n');
  search.step();
  assert.deepEqual(search.matches().slice(-2), [599, 600]);
  buffer.append('x\n'.repeat(500));
  while (!search.step());
  assert.deepEqual(search.matches().slice(-1), [buffer.count() - 502]);
  assert.ok(search.matches().every((line) => buffer.line(line).includes('two') || buffer.line(line).includes('WO')));
});
