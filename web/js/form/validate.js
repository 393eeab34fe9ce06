// Compares a value with a JSON Schema (draft 7), to show faults at the fields before anything is sent. The server decides in the end.
// Pure. `format` is not compared: draft 7 leaves that open.
import {isNode, WrittenNumber} from '../preview/json.js';
import {isObject, partAt, pointerOf} from './schema.js';
import {sameValue, textOf} from './value.js';

const MOST = 100;
const DEEPEST = 80;  // a schema may refer to itself without an end,
const MOST_STEPS = 200_000;  // and in several ways at once

// [{pointer, code, values}] of the faults. code: the ending of a text form.…
export function faultsOf(root, value, schema = root) {
  const faults = [];
  check({root, faults, depth: 0, work: {left: MOST_STEPS}}, schema, value, []);
  return faults.slice(0, MOST);
}

const isNumber = (value) => typeof value === 'number' || value instanceof WrittenNumber;
const numberOf = (value) => (value instanceof WrittenNumber ? Number(value.text) : value);

function typeOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isNumber(value)) return 'number';
  return typeof value;
}

function isType(value, type) {
  if (type === 'integer') return isNumber(value) && (value instanceof WrittenNumber ? /^-?\d+(\.0+)?$/.test(value.text) || Number.isInteger(Number(value.text)) : Number.isInteger(value));
  return typeOf(value) === type;
}

function passes(at, schema, value, path) {
  const faults = [];
  check({...at, faults}, schema, value, path);
  return faults.length === 0;
}

function check(at, schema, value, path) {
  if (at.faults.length > MOST || at.depth > DEEPEST || --at.work.left < 0) return;
  const tell = (code, values = {}, place = path) => at.faults.push({pointer: pointerOf(place), code, values});
  if (schema === false) tell('not_allowed');
  if (!isObject(schema)) return;
  const deeper = {...at, depth: at.depth + 1};
  if (typeof schema.$ref === 'string') {
    const target = schema.$ref.startsWith('#') ? partAt(at.root, decoded(schema.$ref.slice(1))) : undefined;
    if (target !== undefined) check(deeper, target, value, path);
    return;
  }
  if (schema.type !== undefined) {
    const types = [schema.type].flat();
    if (!types.some((type) => isType(value, type))) {
      // All else would only repeat it.
      tell(types.length === 1 ? `type_${types[0]}` : 'type', {types: types.join(', ')});
      return;
    }
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => same(one, value))) tell('enum', {values: listed(schema.enum)});
  if (Object.hasOwn(schema, 'const') && !same(schema.const, value)) tell('const', {value: textOf(schema.const, '')});
  if (isNumber(value)) checkNumber(schema, numberOf(value), tell);
  else if (typeof value === 'string') checkText(schema, value, tell);
  else if (Array.isArray(value)) checkList(deeper, schema, value, path, tell);
  else if (isNode(value)) checkObject(deeper, schema, value, path, tell);
  checkParts(deeper, schema, value, path, tell);
}

const same = (one, other) => (isNumber(one) && isNumber(other) ? numberOf(one) === numberOf(other) : sameValue(sorted(one), sorted(other)));

// The order of members does not count.
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

const listed = (values) => values.slice(0, 12).map((value) => (typeof value === 'string' ? value : textOf(value, ''))).join(', ') + (values.length > 12 ? ', …' : '');

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function checkNumber(schema, value, tell) {
  const {minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step} = schema;
  if (typeof minimum === 'number' && value < minimum) tell('minimum', {limit: minimum});
  if (typeof maximum === 'number' && value > maximum) tell('maximum', {limit: maximum});
  if (typeof above === 'number' && value <= above) tell('above', {limit: above});
  if (typeof below === 'number' && value >= below) tell('below', {limit: below});
  if (typeof step === 'number' && step > 0) {
    const parts = value / step;
    if (Math.abs(parts - Math.round(parts)) > 1e-9 * Math.max(1, Math.abs(parts))) tell('multiple', {step});
  }
}

function checkText(schema, value, tell) {
  const length = [...value].length;
  if (length < schema.minLength) tell('short', {count: schema.minLength});
  if (length > schema.maxLength) tell('long', {count: schema.maxLength});
  if (typeof schema.pattern === 'string' && !matches(schema.pattern, value)) tell('pattern', {pattern: schema.pattern});
}

// A pattern that this browser does not know is left to the server.
function matches(pattern, text) {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return true;
  }
}

function checkList(at, schema, value, path, tell) {
  if (value.length < schema.minItems) tell('few', {count: schema.minItems});
  if (value.length > schema.maxItems) tell('many', {count: schema.maxItems});
  if (schema.uniqueItems === true && new Set(value.map((item) => textOf(sorted(item), ''))).size < value.length) tell('unique');
  const tuple = Array.isArray(schema.items) ? schema.items : null;
  value.forEach((item, index) => {
    const part = tuple ? (index < tuple.length ? tuple[index] : schema.additionalItems) : schema.items;
    if (part !== undefined) check(at, part, item, [...path, index]);
  });
  if (schema.contains !== undefined && !value.some((item, index) => passes(at, schema.contains, item, [...path, index]))) tell('contains');
}

function checkObject(at, schema, value, path, tell) {
  const names = Object.keys(value);
  for (const name of Array.isArray(schema.required) ? schema.required : []) if (!Object.hasOwn(value, name)) tell('required', {}, [...path, name]);
  if (names.length < schema.minProperties) tell('few_members', {count: schema.minProperties});
  if (names.length > schema.maxProperties) tell('many_members', {count: schema.maxProperties});
  const properties = isObject(schema.properties) ? schema.properties : {};
  const patterns = Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {});
  for (const name of names) {
    const place = [...path, name];
    let known = false;
    if (Object.hasOwn(properties, name)) {
      known = true;
      check(at, properties[name], value[name], place);
    }
    for (const [pattern, part] of patterns) {
      if (!matches(pattern, name)) continue;
      known = true;
      check(at, part, value[name], place);
    }
    if (known || schema.additionalProperties === undefined) continue;
    if (schema.additionalProperties === false) tell('unknown', {name}, place);
    else check(at, schema.additionalProperties, value[name], place);
  }
  if (schema.propertyNames !== undefined) {
    for (const name of names) if (!passes(at, schema.propertyNames, name, path)) tell('name', {name}, [...path, name]);
  }
  for (const [name, needs] of Object.entries(isObject(schema.dependencies) ? schema.dependencies : {})) {
    if (!Object.hasOwn(value, name)) continue;
    if (!Array.isArray(needs)) check(at, needs, value, path);
    else for (const need of needs) if (!Object.hasOwn(value, need)) tell('required', {}, [...path, need]);
  }
}

function checkParts(at, schema, value, path, tell) {
  for (const part of Array.isArray(schema.allOf) ? schema.allOf : []) check(at, part, value, path);
  for (const parts of [schema.anyOf, schema.oneOf].filter(Array.isArray)) {
    const fitting = parts.filter((part) => passes(at, part, value, path)).length;
    if (fitting === 0) noneFits(at, parts, value, path, tell);
    else if (parts === schema.oneOf && fitting > 1) tell('several');
  }
  if (schema.not !== undefined && passes(at, schema.not, value, path)) tell('not_allowed');
  if (schema.if !== undefined) {
    const part = passes(at, schema.if, value, path) ? schema.then : schema.else;
    if (part !== undefined) check(at, part, value, path);
  }
}

// The faults of the one branch that is meant: the only one that is not null, or the one whose constants fit.
function noneFits(at, parts, value, path, tell) {
  const options = parts.map((part) => plain(at.root, part));
  if (options.every((part) => isObject(part) && Object.hasOwn(part, 'const'))) {
    tell('enum', {values: listed(options.map((part) => part.const))});
    return;
  }
  const meant = parts[meantBranch(at.root, parts, value)];
  if (meant === undefined) tell('none_fits');
  else check(at, meant, value, path);
}

const plain = (root, part) => (isObject(part) && typeof part.$ref === 'string' ? partAt(root, decoded(part.$ref.slice(1))) : part);

// The number of the branch that a value is meant to be, or -1. The one that it passes, else the one with its constants.
export function meantBranch(root, parts, value) {
  const at = {root, faults: [], depth: 0, work: {left: MOST_STEPS}};
  const passing = parts.findIndex((part) => passes(at, part, value, []));
  if (passing >= 0) return passing;
  const branches = parts.map((part) => plain(root, part));
  const others = branches.flatMap((part, index) => (isObject(part) && part.type !== 'null' ? [index] : []));
  if (others.length === 1 && value !== null) return others[0];
  if (!isObject(value)) {
    const fitting = others.filter((index) => branches[index].type !== undefined && [branches[index].type].flat().some((type) => isType(value, type)));
    return fitting.length === 1 ? fitting[0] : -1;
  }
  return others.find((index) => {
    const constants = Object.entries(isObject(branches[index].properties) ? branches[index].properties : {}).filter(([, part]) => isObject(part) && Object.hasOwn(part, 'const'));
    return constants.length > 0 && constants.every(([name, part]) => Object.hasOwn(value, name) && same(part.const, value[name]));
  }) ?? -1;
}
