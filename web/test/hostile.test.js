// What applications write may be made to hold up the page: work that grows by the square of a length would take hours here.
import assert from 'node:assert/strict';
import test from 'node:test';
import {faultOf, indentJson, parseJson} from '../js/preview/json.js';
import {isNumber} from '../js/preview/numbers.js';
import {formatKind} from '../js/preview/later/xlsx.js';
import {attributesOf, createXmlReader} from '../js/preview/later/xml.js';
import {resultOf} from '../js/state/result.js';

const QUICK = {timeout: 120_000};
const MUCH = 4 << 20;
const blanks = ' '.repeat(MUCH);

test('a result with very many blanks is taken out of the answer', QUICK, () => {
  for (const value of [`{"a":"${blanks}x"}`, `{"a":1${blanks},"b":2}`, `"${blanks}"`]) assert.ok(resultOf(`{"output":${value}}`) === value);
  assert.equal(resultOf(`{${blanks}"output"${blanks}:${blanks}1${blanks}}${blanks}`), '1');
});

test('a result is taken out byte for byte, and what is no such answer stays', () => {
  for (const [answer, want] of [['{"output": {"a" : 1.10} }', '{"a" : 1.10}'], [' {"output":"a:}"} ', '"a:}"'], ['{"output":null}', null], ['{"other":1}', '{"other":1}'], ['[1]', '[1]'], ['', ''], [null, null], ['null', null]]) assert.equal(resultOf(answer), want, answer);
});

test('the attributes of a tag are read once', QUICK, () => {
  const name = 'a'.repeat(MUCH);
  assert.deepEqual([...attributesOf(` ${name}`)], []);
  assert.deepEqual([...attributesOf(` r="1" ${name}`)], [['r', '1']]);
  assert.equal(attributesOf(`${' ='.repeat(MUCH / 2)} a="1"`).get('a'), '1');
  assert.equal(attributesOf(`a=${blanks}"1"${blanks}b${blanks}='2'`).get('b'), '2');
  assert.deepEqual([...attributesOf(' a="x=y" b=\'"\' c = "&lt;" d=e f="g" h="open')], [['a', 'x=y'], ['b', '"'], ['c', '<'], ['f', 'g']]);
});

test('tags that are as long as they may be', QUICK, () => {
  let seen = 0;
  const push = createXmlReader({open: (_, text) => (seen += attributesOf(text).size)});
  const tag = `<c ${'a'.repeat(60_000)}>`;
  for (let count = 0; count < 500; ++count) push(tag);
  assert.equal(seen, 0);
});

test('formats, numbers and JSON that are long', QUICK, () => {
  assert.equal(formatKind('['.repeat(MUCH)), 'number');
  assert.equal(formatKind('"'.repeat(MUCH - 1)), 'number');
  for (const cell of ['1'.repeat(MUCH), `${'1,'.repeat(MUCH / 2)}x`, `${'1'.repeat(MUCH)}x`, `1${'.111'.repeat(MUCH / 4)}x`]) isNumber(cell);
  assert.equal(indentJson(`[${blanks}]`).text, '[]');
  assert.equal(indentJson(`[${`[${' '.repeat(20)}`.repeat(100_000)}`, 1 << 20).text.length, 1 << 20);
  assert.equal(parseJson(`"${'\\"'.repeat(MUCH)}"`, false).length, MUCH);
  assert.equal(parseJson(`[${'1.0,'.repeat(100_000)}1]`, false).length, 100_001);
  assert.deepEqual(faultOf(`{"a":"${'x'.repeat(MUCH)}`), {line: 1, column: 6});
});
