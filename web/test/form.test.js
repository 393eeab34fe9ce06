import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test from 'node:test';
import {beginning, describe, follow, leaves, pathOf, pointerOf} from '../js/form/schema.js';
import {faultsOf, meantBranch} from '../js/form/validate.js';
import {moved, readParams, textOf, typedNumber, valueAt, withValue, writeParams} from '../js/form/value.js';
import {WrittenNumber} from '../js/preview/json.js';
import {texts} from '../js/text/texts.js';

test('pointers are those of RFC 6901', () => {
  for (const [path, pointer] of [[[], ''], [['a', 0], '/a/0'], [['a/b', '~'], '/a~1b/~0'], [[''], '/']]) {
    assert.equal(pointerOf(path), pointer);
    assert.deepEqual(pathOf(pointer), path.map(String));
  }
});

const root = {definitions: {a: {type: 'string', title: 'A'}, b: {$ref: '#/definitions/a', title: 'B'}, loop: {$ref: '#/definitions/loop'}, tree: {type: 'object', required: ['child'], properties: {child: {$ref: '#/definitions/tree'}}}}};

test('references are followed within the document, and not for ever', () => {
  assert.deepEqual(follow(root, {$ref: '#/definitions/b', description: 'x'}), {type: 'string', title: 'B', description: 'x'});
  for (const schema of [{$ref: '#/definitions/loop'}, {$ref: 'http://elsewhere/x'}, {$ref: '#/definitions/none'}, {$ref: '#/%'}, {$ref: 'x/definitions/a'}, {$ref: '#/constructor/name'}]) assert.equal(follow(root, schema), undefined, JSON.stringify(schema));
});

test('each place has a kind', () => {
  for (const [schema, want] of [
    [{type: 'string'}, 'text'], [{type: 'integer'}, 'number'], [{type: 'number'}, 'number'], [{type: 'boolean'}, 'boolean'],
    [{enum: ['a', 1, null]}, 'choice'], [{const: 3}, 'const'], [{oneOf: [{const: 1, title: 'one'}, {const: 2}]}, 'choice'],
    [{type: ['number', 'null']}, 'number nullable'], [{anyOf: [{type: 'null'}, {$ref: '#/definitions/a'}]}, 'text nullable'],
    [{type: ['number', 'string']}, 'json'], [true, 'json'], [{}, 'json'], [{$ref: '#/nowhere'}, 'json'], [{type: 'object'}, 'json'],
    [{type: 'object', properties: {a: {}}}, 'object'], [{properties: {a: {}}}, 'object'],
    [{type: 'array', items: {type: 'number'}}, 'list'], [{type: 'array'}, 'json'], [{type: 'array', items: [{type: 'number'}]}, 'json'],
    [{type: 'array', uniqueItems: true, items: {enum: ['a', 'b']}}, 'set'],
    [{oneOf: [{type: 'object', properties: {}}, {type: 'string'}]}, 'variant'], [{oneOf: [{type: 'string'}], properties: {a: {}}}, 'json'],
    [{oneOf: [{type: 'string'}, {type: 'number'}, {type: 'null'}]}, 'variant nullable'],
    [{allOf: [{$ref: '#/definitions/a'}]}, 'text'], [{allOf: [{properties: {a: {}}}, {properties: {b: {}}, required: ['b']}]}, 'object'], [{allOf: [{minLength: 1}, {maxLength: 2}]}, 'json'],
    [{not: {}}, 'json'], [{enum: []}, 'json'],
  ]) {
    const {kind, nullable} = describe(root, schema);
    assert.equal(kind + (nullable ? ' nullable' : ''), want, JSON.stringify(schema));
  }
});

test('fields are those of the object, the required ones first; titles and limits are kept', () => {
  const about = describe(root, {type: 'object', required: ['z', 'b', 'gone'], properties: {a: {}, b: {}, z: {}}, additionalProperties: {type: 'number'}});
  assert.deepEqual(about.fields.map(({name, required}) => [name, required]), [['z', true], ['b', true], ['a', false]]);
  assert.ok(about.open);
  assert.equal(describe(root, {$ref: '#/definitions/a', title: 'Own'}).title, 'Own');
  assert.deepEqual(describe(root, {allOf: [{properties: {a: {}}}, {properties: {b: {}}, required: ['b']}]}).fields.map(({name, required}) => [name, required]), [['b', true], ['a', false]]);
});

test('what is added begins with what the schema fixes; a schema within itself ends', () => {
  for (const [schema, want] of [
    [{type: 'string'}, ''], [{type: 'number', minimum: 3}, 3], [{type: 'integer', minimum: -3}, 0], [{enum: ['x', 'y']}, 'x'], [{type: 'array', items: {}}, []], [{type: 'boolean'}, false], [{default: {a: 1}}, {a: 1}], [{}, null], [{type: 'object'}, {}],
    [{type: 'object', required: ['kind', 'more'], properties: {kind: {const: 'ets'}, free: {type: 'string'}, more: {type: 'object', properties: {v: {const: 1}}}}}, {kind: 'ets', more: {v: 1}}],
    [{oneOf: [{type: 'object', properties: {k: {const: 1}}}, {type: 'string'}]}, {k: 1}],
  ]) assert.deepEqual(beginning(root, schema), want, JSON.stringify(schema));
  assert.ok(beginning(root, {$ref: '#/definitions/tree'}).child.child);
});

test('the params of one value are those that a sweep can vary', () => {
  const schema = {type: 'object', properties: {a: {type: 'number'}, list: {type: 'array', items: {}}, m: {type: 'object', properties: {b: {enum: [1, 2]}}}}};
  assert.deepEqual(leaves(schema, schema).map(({path}) => path), [['a'], ['m', 'b']]);
});

test('single places are changed, nothing else', () => {
  for (const [value, path, next, want] of [
    [{}, ['a', 'b'], 1, {a: {b: 1}}], [{a: {b: 1, c: 2}}, ['a', 'b'], undefined, {a: {c: 2}}], [{}, ['a', 0], 'x', {a: ['x']}], [{a: [1, 2, 3]}, ['a', 1], undefined, {a: [1, 3]}],
    [{a: 1}, ['a', 'b'], 2, {a: {b: 2}}], [{a: [{b: 1}]}, ['a', 0, 'b'], 2, {a: [{b: 2}]}], [{a: 1}, [], {b: 2}, {b: 2}],
  ]) {
    const before = JSON.stringify(value);
    assert.deepEqual(withValue(value, path, next), want);
    assert.equal(JSON.stringify(value), before);
  }
  const named = withValue({}, ['__proto__', 'x'], 1);
  assert.equal(textOf(named, ''), '{"__proto__":{"x":1}}');
  assert.equal({}.x, undefined);
  assert.equal(valueAt({a: 1}, ['constructor']), undefined);
  assert.deepEqual(moved([1, 2, 3], 2, 0), [3, 1, 2]);
  assert.deepEqual(moved([1, 2], 0, 2), [1, 2]);
});

test('text and value are in step', () => {
  assert.deepEqual(readParams(' '), {value: {}, fault: null});
  assert.deepEqual(readParams('{"a":[1]}').value, {a: [1]});
  assert.deepEqual(readParams('[1]').fault, {object: false});
  assert.deepEqual(readParams(`{"a":${'['.repeat(500)}${']'.repeat(500)}}`).fault, {deep: true});
  assert.equal(writeParams({}), '');
  assert.equal(writeParams({a: {b: [1, {}]}}), '{\n  "a": {\n    "b": [\n      1,\n      {}\n    ]\n  }\n}');
  assert.equal(textOf({a: new WrittenNumber('1.10')}, ''), '{"a":1.10}');
});

test('numbers keep the digits that were typed; what is no number stays text', () => {
  for (const [text, comma, want] of [['5', false, 5], ['1.10', false, '1.10!'], ['9007199254740993', false, '9007199254740993!'], ['', false, undefined], [' -2 ', false, -2], ['+.5', false, 0.5], ['1.', false, '1.'], ['abc', false, 'abc'], ['1,5', true, 1.5], ['1.500', true, '1.500'], ['1.500', false, '1.500!'], ['12.5', true, 12.5], ['1,5', false, '1,5'], ['0x10', false, '0x10'], ['Infinity', false, 'Infinity'], ['007', false, '007']]) {
    const value = typedNumber(text, comma);
    assert.deepEqual(value instanceof WrittenNumber ? `${value.text}!` : value, want, text);
  }
});

const faults = (schema, value, at = schema) => faultsOf(schema, value, at).map(({pointer, code}) => `${pointer} ${code}`);

test('values are compared with the schema', () => {
  for (const [schema, value, want] of [
    [{type: 'integer'}, 1.5, [' type_integer']], [{type: 'integer'}, 2.0, []], [{type: 'integer'}, new WrittenNumber('9007199254740993'), []], [{type: ['string', 'null']}, 1, [' type']], [{type: 'object'}, [], [' type_object']],
    [{minimum: 1, maximum: 2}, 3, [' maximum']], [{exclusiveMinimum: 1}, 1, [' above']], [{exclusiveMaximum: 1}, 1, [' below']], [{multipleOf: 0.1}, 0.3, []], [{multipleOf: 2}, 3, [' multiple']],
    [{minLength: 2}, '😀', [' short']], [{maxLength: 1}, '😀', []], [{pattern: '^a'}, 'b', [' pattern']], [{pattern: '('}, 'b', []],
    [{enum: [{b: 1, a: 2}]}, {a: 2, b: 1}, []], [{enum: [1]}, 2, [' enum']], [{const: null}, 0, [' const']], [{const: 1}, new WrittenNumber('1.0'), []],
    [{items: {type: 'number'}, minItems: 1, maxItems: 2, uniqueItems: true}, [1, 'x', 1], ['/1 type_number', ' many', ' unique']], [{minItems: 1}, [], [' few']], [{contains: {const: 1}}, [2], [' contains']],
    [{items: [{type: 'number'}], additionalItems: false}, [1, 2], ['/1 not_allowed']],
    [{required: ['a/b']}, {}, ['/a~1b required']], [{properties: {a: {}}, additionalProperties: false}, {a: 1, b: 2}, ['/b unknown']], [{additionalProperties: {type: 'number'}}, {b: 'x'}, ['/b type_number']],
    [{patternProperties: {'^x': {type: 'number'}}, additionalProperties: false}, {x1: 'a', y: 1}, ['/x1 type_number', '/y unknown']], [{propertyNames: {maxLength: 1}}, {ab: 1}, ['/ab name']], [{dependencies: {a: ['b'], c: {required: ['d']}}}, {a: 1, c: 1}, ['/b required', '/d required']],
    [{minProperties: 1}, {}, [' few_members']], [{maxProperties: 0}, {a: 1}, [' many_members']],
    [{allOf: [{minimum: 1}, {maximum: 0}]}, 0.5, [' minimum', ' maximum']], [{anyOf: [{type: 'null'}, {type: 'number', minimum: 3}]}, 1, [' minimum']], [{oneOf: [{minimum: 0}, {minimum: 1}]}, 2, [' several']], [{anyOf: [{type: 'string'}, {type: 'boolean'}]}, 1, [' none_fits']], [{oneOf: [{const: 'a'}, {const: 'b'}]}, 'c', [' enum']],
    [{not: {type: 'number'}}, 1, [' not_allowed']], [{if: {const: 1}, then: false, else: {maximum: 0}}, 2, [' maximum']], [false, 1, [' not_allowed']], [true, 1, []],
    [{definitions: {a: {type: 'string'}}, properties: {x: {$ref: '#/definitions/a', type: 'number'}}}, {x: 1}, ['/x type_string']],
    [{properties: {self: {$ref: '#'}}, additionalProperties: false}, {self: {self: {other: 1}}}, ['/self/self/other unknown']],
    [{$ref: '#'}, 1, []],
  ]) assert.deepEqual(faults(schema, value).sort(), want.sort(), `${JSON.stringify(schema)} ${textOf(value, '')}`);
});

test('the faults of a variant are those of the one that is meant', () => {
  const ets = {type: 'object', properties: {kind: {const: 'ets'}, trend: {type: 'string'}}, additionalProperties: false};
  const arima = {type: 'object', properties: {kind: {const: 'arima'}, order: {type: 'array'}}};
  assert.deepEqual(faults({oneOf: [ets, arima]}, {kind: 'ets', trend: 1}), ['/trend type_string']);
  assert.equal(meantBranch({}, [ets, arima], {kind: 'arima', order: 1}), 1);
  assert.equal(meantBranch({}, [{type: 'string', minLength: 3}, {type: 'number'}], 'x'), 0);
  assert.equal(meantBranch({}, [ets, arima], {kind: 'other'}), -1);
});

test('faults are bounded, and a schema within itself ends', () => {
  assert.equal(faultsOf({items: {type: 'string'}}, new Array(5000).fill(1)).length, 100);
  const schema = {allOf: [{$ref: '#'}, {$ref: '#'}]};
  assert.ok(Array.isArray(faultsOf(schema, 1)));
});

test('each fault has words', () => {
  const source = readFileSync(new URL('../js/form/validate.js', import.meta.url), 'utf8');
  for (const [, code] of source.matchAll(/tell\('([a-z_]+)'/g)) assert.ok(`form.${code}` in texts.en, code);
  for (const type of ['number', 'integer', 'string', 'boolean', 'array', 'object', 'null']) assert.ok(`form.type_${type}` in texts.en, type);
});
