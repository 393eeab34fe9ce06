import assert from 'node:assert/strict';
import test from 'node:test';
import {createSubmission} from '../js/api/submission.js';
import {previewColumns, rowFaults} from '../js/sweep/check.js';
import {aboutIn, gridRows, listedValues, MOST_JOBS, rangeValues} from '../js/sweep/grid.js';
import {listRows} from '../js/sweep/list.js';
import {batchBody} from '../js/sweep/send.js';
import {textOf} from '../js/form/value.js';

const schema = {type: 'object', properties: {a: {type: 'number', maximum: 5}, s: {type: 'string'}, on: {type: 'boolean'}, c: {enum: ['x', 'y']}, m: {type: 'object', properties: {b: {type: 'integer'}}}}};
const aboutOf = (path) => aboutIn(schema, path);
const axis = (path, more) => ({path, mode: 'values', text: '', first: '', last: '', step: '', ...more});
const plain = (value) => JSON.parse(textOf(value, ''));

test('listed values are read as the param has them', () => {
  for (const [text, path, comma, want] of [
    ['0.1, 0.2', ['a'], false, [0.1, 0.2]], ['0,1; 0,2', ['a'], true, [0.1, 0.2]], ['0,1 0,2', ['a'], true, [0.1, 0.2]], ['1\n2\n', ['a'], false, [1, 2]], ['1, x', ['a'], false, [1, 'x']],
    ['1, true', ['s'], false, ['1', 'true']], ['yes; não', ['on'], false, [true, false]], ['x,z', ['c'], false, ['x', 'z']],
    ['1, true, null, word, "1"', ['unknown'], false, [1, true, null, 'word', '1']],
  ]) assert.deepEqual(listedValues(text, aboutOf(path), comma).values, want, text);
  assert.equal(listedValues(' , ', undefined).fault, 'empty');
});

test('ranges have both ends and no errors of binary fractions', () => {
  for (const [first, last, step, want] of [['0.1', '0.5', '0.1', [0.1, 0.2, 0.3, 0.4, 0.5]], ['1', '2', '0.3', [1, 1.3, 1.6, 1.9]], ['3', '1', '1', [3, 2, 1]], ['5', '5', '1', [5]], ['1e-7', '3e-7', '1e-7', [1e-7, 2e-7, 3e-7]], ['0', '1', '-0.5', [0, 0.5, 1]]]) {
    assert.deepEqual(rangeValues({first, last, step}).values, want, `${first} ${last} ${step}`);
  }
  assert.deepEqual(rangeValues({first: '0,1', last: '0,3', step: '0,1'}, true).values, [0.1, 0.2, 0.3]);
  for (const [first, last, step, fault] of [['', '1', '1', 'numbers'], ['0', 'x', '1', 'numbers'], ['0', '1', '0', 'step'], ['0', '1e9', '1', 'many'], ['0', 'Infinity', '1', 'numbers']]) assert.equal(rangeValues({first, last, step}).fault, fault);
});

test('a grid has every combination, the last param fastest', () => {
  const {count, rows} = gridRows([axis(['a'], {text: '1,2'}), axis(['m', 'b'], {mode: 'range', first: '1', last: '3', step: '1'})], {s: 'all'}, aboutOf);
  assert.equal(count, 6);
  assert.deepEqual(rows[0], {s: 'all', a: 1, m: {b: 1}});
  assert.deepEqual(rows.map(({a, m}) => `${a}${m.b}`).join(' '), '11 12 13 21 22 23');
});

test('a grid that is too large is counted and not made; faults are those of the axes', () => {
  const many = Array.from({length: 40}, (_, index) => index).join(',');
  const {count, rows} = gridRows([axis(['a'], {text: many}), axis(['b'], {text: many})], {});
  assert.equal(count, 1600);
  assert.equal(rows.length, 0);
  assert.equal(gridRows([axis(['a'], {text: many}), axis(['b'], {text: many.slice(0, 64)})], {}).rows.length, 1000);
  assert.deepEqual(gridRows([axis([''], {text: '1'}), axis(['a']), axis(['b'], {text: '1'}), axis(['b'], {text: '2'})], {}).faults.map(({axis: at, fault}) => `${at} ${fault}`), ['0 name', '1 empty', '3 twice']);
});

test('a pasted list is CSV, JSON lines, or a JSON list', () => {
  for (const [text, want] of [
    ['a,s,m.b\n1,2,3\n,x,', [{z: 0, a: 1, s: '2', m: {b: 3}}, {z: 0, s: 'x'}]],
    ['a;on\n1,5;true', [{z: 0, a: 1.5, on: true}]],
    ['a\ts\n1\tx', [{z: 0, a: 1, s: 'x'}]],
    ['{"a":1}\n\n{"z":2}', [{z: 0, a: 1}, {z: 2}]],
    [' [{"a":1},{"a":2}]', [{z: 0, a: 1}, {z: 0, a: 2}]],
    ['', []],
  ]) assert.deepEqual(listRows(text, {z: 0}, aboutOf).rows.map(plain), want, text);
});

test('what is wrong with a list has its line', () => {
  for (const [text, code, line] of [['{"a":1}\n{a}', 'json', 2], ['[1]', 'object', 1], ['[', 'json', 1], ['a,\n1,2', 'head', 1], ['a,a\n1,2', 'twice', 1], ['a', 'no_rows', 1], ['a\n1\n1,2', 'cells', 3]]) {
    assert.deepEqual(listRows(text, {}).fault, {code, line}, text);
  }
  assert.ok(listRows(`a\n${'1\n'.repeat(5000)}`, {}).count > MOST_JOBS);
  assert.equal(listRows('{}\n'.repeat(1001), {}).rows.length, 0);
});

test('rows that do not fit are counted, and the first are told', () => {
  const {count, first} = rowFaults({...schema, required: ['s']}, Array.from({length: 20}, (_, index) => ({a: index})), {s: 'of the repository'});
  assert.equal(count, 14);
  assert.deepEqual(first.map(({row, fault}) => `${row} ${fault.pointer} ${fault.code}`), ['6 /a maximum', '7 /a maximum', '8 /a maximum', '9 /a maximum', '10 /a maximum']);
});

test('the preview shows first what differs', () => {
  const columns = previewColumns([{same: 1, a: 1, m: {b: 1}}, {same: 1, a: 2, m: {b: 1}}], 1);
  assert.deepEqual(columns, [{name: 'a', cells: ['1']}, {name: 'same', cells: ['1']}, {name: 'm.b', cells: ['1']}]);
});

test('a sweep is sent as one batch; its repository is made first, once', async () => {
  const asked = [];
  const api = {
    makeRepository: async (body, key) => (asked.push(['repository', body, key]), {repository_id: 'r'}),
    batch: async (repository, body, key) => {
      asked.push(['batch', repository, body, key]);
      if (asked.length === 2) throw new Error('lost');
      return {job_ids: ['1', '2']};
    },
  };
  const submission = createSubmission({api, base: 'http://h/', identity: () => ({username: 'ana'}), uploads: () => true});
  const job = {files: [], repository: '', rows: [{a: 1}, {a: 2}], metadata: '{"name":"x"}'};
  const signal = new AbortController().signal;
  await assert.rejects(submission.many(job, {onWork() {}, signal}), /lost/);
  assert.deepEqual(await submission.many(job, {onWork() {}, signal}), {job_ids: ['1', '2'], repository_id: 'r', notes: undefined});
  assert.equal(asked[1][2], '{"params":[{"a":1},{"a":2}],"metadata":{"name":"x"}}');
  // The repetition has the same keys.
  assert.deepEqual(asked[2], asked[0]);
  assert.deepEqual(asked[3], asked[1]);
  assert.equal(batchBody({rows: [], metadata: ''}), '{"params":[]}');
  assert.equal(batchBody({rows: [], metadata: '', callback: 'https://a/"'}), '{"params":[],"callback_url":"https://a/\\""}');
});

test('a large file is uploaded once, and named in the form; one that the server has lost is sent anew', async () => {
  let uploads = 0;
  let answer = {status: 201, text: '{"job_id":"1"}'};
  const forms = [];
  const api = {send: async (method) => (uploads += method === 'POST' ? 1 : 0, {headers: {get: (name) => ({location: `./uploads/u${uploads}`, 'upload-offset': String(method === 'PATCH' ? file.size : 0)})[name] ?? null}})};
  class XMLHttpRequest {
    upload = {};
    open() {}
    setRequestHeader() {}
    getResponseHeader() { return null; }
    send(form) {
      forms.push(Object.fromEntries(form));
      this.status = answer.status;
      this.responseText = answer.text;
      queueMicrotask(this.onload);
    }
  }
  const file = {size: 9 << 20, lastModified: 1, slice: () => new Blob(['x'])};
  const submission = createSubmission({api, base: 'http://h/', identity: () => ({username: 'ana'}), uploads: () => true, XMLHttpRequest});
  const job = {files: [{name: 'a.zip', file}], repository: '', params: '{}', metadata: '', callback: 'https://hooks.example.com/a'};
  const run = () => submission.one(job, {onWork() {}, signal: new AbortController().signal});
  answer = {status: 503, text: '{}'};
  await assert.rejects(run(), {kind: 'away'});
  answer = {status: 404, text: '{"error":"Invalid upload_id"}'};
  await assert.rejects(run(), {kind: 'upload'});
  assert.equal(uploads, 1);
  answer = {status: 201, text: '{"job_id":"1"}'};
  assert.equal((await run()).job_id, '1');
  assert.equal(uploads, 2);
  assert.ok(forms.every(({callback_url: told}) => told === job.callback));
  assert.deepEqual(forms.map(({upload_id: id, file: sent}) => [id, sent]), [['u1', undefined], ['u1', undefined], ['u2', undefined]]);
});
