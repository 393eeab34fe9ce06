import assert from 'node:assert/strict';
import test from 'node:test';
import {createClient} from '../js/api/client.js';
import {textOf} from '../js/form/value.js';
import {indentJson, parseJson, WrittenNumber} from '../js/preview/json.js';

test('numbers stay as they were written in every browser', () => {
  for (const tells of [undefined, false]) {
    const text = '{"a":9007199254740993,"b":1.10,"c":5,"d":[-0,1e400,"9007199254740993","\\"1.10"],"e":{"__proto__":1.0}}';
    const value = parseJson(text, tells);
    assert.deepEqual([value.a, value.b, value.c], [new WrittenNumber('9007199254740993'), new WrittenNumber('1.10'), 5]);
    assert.equal(textOf(value, ''), text);
    assert.deepEqual(parseJson('1.0', tells), new WrittenNumber('1.0'));
  }
  for (const wrong of ['01', '{"a":1.}', '{"a":"x', '[1 2]', '', '{"a":-}']) assert.throws(() => parseJson(wrong, false), SyntaxError, wrong);
});

const plain = (text) => text.replace(/\s/g, '');

test('JSON in lines has the letters that it had', () => {
  for (const [text, want] of [
    ['{"seed": 9007199254740993}', '{\n  "seed": 9007199254740993\n}'],
    ['{"b":1,"1":2,"b":1.10}', '{\n  "b": 1,\n  "1": 2,\n  "b": 1.10\n}'],
    ['[ ]', '[]'], [' { } ', '{}'], ['[[],{}]', '[\n  [],\n  {}\n]'],
    ['"a, [b] {c}: \\" \\\\"', '"a, [b] {c}: \\" \\\\"'], ['[true , null,-1e-7]', '[\n  true,\n  null,\n  -1e-7\n]'],
  ]) assert.deepEqual(indentJson(text), {text: want, cut: false});
  const text = JSON.stringify({a: [1, {b: 'x y', c: [[], {}]}], d: 'é\n"'});
  assert.equal(indentJson(text).text, JSON.stringify(JSON.parse(text), null, 2));
});

test('what is cut is told, and costs no more than what is shown', () => {
  assert.deepEqual(indentJson('[1,2,3]', 5), {text: '[\n  1', cut: true});
  assert.deepEqual(indentJson('[1]  \n', 7), {text: '[\n  1\n]', cut: false});
  const long = `{"a":"${'x'.repeat(3 << 20)}"}`;
  assert.equal(indentJson(long, 1 << 20).text.length, 1 << 20);
  assert.ok(indentJson(long, 1 << 20).cut);
  // Indented by its depth it would have 4 * 10^11 characters.
  const deep = '['.repeat(1 << 19) + ']'.repeat(1 << 19);
  const {text, cut} = indentJson(deep, 1 << 20);
  assert.ok(cut && text.length === 1 << 20 && plain(text) === '['.repeat(plain(text).length));
});

test('the metadata of a repository keeps its digits', async () => {
  const fetch = async () => new Response('{"repository_id":"r","files":3,"metadata":{"seed":9007199254740993,"share":1.0}}');
  const {files, metadata} = await createClient({base: 'http://h/', identity: () => ({}), fetch}).repository('r');
  assert.equal(textOf({files, metadata}, ''), '{"files":3,"metadata":{"seed":9007199254740993,"share":1.0}}');
});
