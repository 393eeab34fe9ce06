import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test from 'node:test';
import {readReasons, renderReasons} from '../reasons.mjs';
import {texts} from '../js/text/texts.js';
import {createFormats, localeOf, parseTime} from '../js/text/format.js';
import {reasons as reasonsPt} from '../js/text/reasons_pt.js';
import {createTranslate, explainReason} from '../js/text/translate.js';
import {whoMends} from '../js/text/who.js';
import {modules} from '../assemble.mjs';

const {en, pt} = texts;

const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort();

test('both languages have the same texts with the same values', () => {
  assert.deepEqual(Object.keys(pt).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en)) {
    // An example of JSON is no value.
    if (key !== 'submit.params_object') assert.deepEqual(placeholders(pt[key]), placeholders(en[key]), key);
  }
});

test('each text is in one topic, which is the same in both languages', async () => {
  const root = new URL('../js/', import.meta.url);
  const found = {en: {}, pt: {}};
  for (const name of modules().filter((one) => /^text\/(en|pt)\//.test(one))) {
    const [, language, topic] = name.split('/');
    for (const key of Object.keys((await import(new URL(name, root))).text)) {
      assert.ok(!(key in found[language]), `${name}: ${key} is also in ${found[language][key]}`);
      found[language][key] = topic;
    }
  }
  assert.deepEqual(found.pt, found.en);
  assert.deepEqual(Object.keys(found.en).sort(), Object.keys(en).sort());
});

test('every text that a view names exists', () => {
  const root = new URL('../js/', import.meta.url);
  for (const name of modules()) {
    const source = readFileSync(new URL(name, root), 'utf8');
    for (const [, key] of source.matchAll(/\bt\('([\w.-]+)'/g)) assert.ok(key in en, `${name}: ${key}`);
  }
});

test('reasons have the words of docs/operations.md', () => {
  const here = readFileSync(new URL('../js/text/reasons_en.js', import.meta.url), 'utf8');
  assert.equal(here, renderReasons(readReasons()), 'run: node web/reasons.mjs');
});

test('every reason is translated, with a remedy where there is one', () => {
  for (const [reason, , remedy] of readReasons()) {
    assert.ok(reason in reasonsPt, reason);
    assert.equal(reasonsPt[reason][1] === '', remedy === '', reason);
    assert.ok([null, 'user', 'application', 'operator'].includes(whoMends(reason)));
  }
  assert.equal(explainReason('pt', 'OOMKilled').cause, 'a aplicação atingiu o seu limite de memória');
  assert.equal(explainReason('pt', 'AWordOfTheKubelet'), null);
  assert.equal(explainReason('en', 'constructor'), null);
});

test('values are put into texts', () => {
  assert.equal(createTranslate('en')('jobs.count', {count: '3'}), '3 jobs');
  assert.equal(createTranslate('pt')('repositories.files', {count: '1'}), '1 arquivo');
  assert.equal(createTranslate('pt')('job.by', {who: '{count}'}), 'por {count}');
  assert.equal(createTranslate('xx')('nav.submit'), 'New job');
});

test('times of the API are UTC', () => {
  assert.equal(parseTime('2020-09-23_16:29:39'), Date.UTC(2020, 8, 23, 16, 29, 39));
  for (const wrong of [undefined, '', '2020-09-23', 'x2020-09-23_16:29:39']) assert.equal(parseTime(wrong), null);
});

test('dates and numbers are written as the reader does', () => {
  const at = Date.UTC(2026, 10, 29, 14, 5, 9);
  const pt = createFormats('pt-BR', 'UTC');
  const en = createFormats('en-US', 'UTC');
  assert.equal(pt.moment(at, at), '14:05:09');
  assert.match(en.moment(at, at + 86_400_000), /Nov 29/);
  assert.match(pt.moment(at, at + 86_400_000), /29 de nov/);
  assert.equal(pt.number(1234567), '1.234.567');
  assert.equal(pt.bytes(5_242_880), '5,2 MB');
  assert.equal(en.bytes(12), '12 bytes');
  assert.equal(en.moment(null, at), '–');
  assert.equal(localeOf('pt', ['en-US', 'pt-PT']), 'pt-PT');
  assert.equal(localeOf('pt', ['en-US']), 'pt-BR');
});

test('durations have two units at most', () => {
  const {duration} = createFormats('pt-BR', 'UTC');
  for (const [milliseconds, want] of [[-5, '0 s'], [1234, '1,2 s'], [45_900, '45 s'], [200_000, '3 min 20 s'], [7_500_000, '2 h 05 min'], [273_600_000, '3 d 4 h']]) {
    assert.equal(duration(milliseconds), want);
  }
});
