// What a JSON Schema (draft 7) says about one place of the params, as far as a form can show it. Pure. Only one level is
// described at a time, so a schema that refers to itself does no harm.
import {isNode} from '../preview/json.js';

const MOST_HOPS = 32;
const DEEPEST = 12;  // levels below the root; what lies deeper is edited as JSON

export const isObject = (value) => isNode(value) && !Array.isArray(value);

// The part of a document at a JSON Pointer (RFC 6901), or undefined.
export function partAt(document, pointer) {
  let place = document;
  for (const part of pathOf(pointer)) {
    if (!isNode(place) || !Object.hasOwn(place, part)) return undefined;
    place = place[part];
  }
  return place;
}

export const pathOf = (pointer) => pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
export const pointerOf = (path) => path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

// The schema behind its references, or undefined if one leads nowhere. Title, description and default beside a reference count
// for what is shown; draft 7 ignores all else there.
export function follow(root, schema) {
  let beside = {};
  for (let hop = 0; hop < MOST_HOPS; ++hop) {
    if (!isObject(schema) || typeof schema.$ref !== 'string') return isObject(schema) ? {...schema, ...beside} : schema;
    beside = {...annotations(schema), ...beside};
    if (!schema.$ref.startsWith('#')) return undefined;
    let pointer;
    try {
      pointer = decodeURIComponent(schema.$ref.slice(1));
    } catch {
      return undefined;
    }
    schema = partAt(root, pointer);
  }
  return undefined;
}

function annotations(schema) {
  const found = {};
  for (const name of ['title', 'description', 'default']) if (Object.hasOwn(schema, name)) found[name] = schema[name];
  return found;
}

const isNull = (schema) => isObject(schema) && (schema.type === 'null' || schema.const === null);

// {schema, nullable}: the schema without null as one of its kinds.
function withoutNull(root, schema) {
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const others = schema.type.filter((type) => type !== 'null');
    return {schema: {...schema, type: others.length === 1 ? others[0] : others}, nullable: true};
  }
  for (const name of ['oneOf', 'anyOf']) {
    if (!Array.isArray(schema[name])) continue;
    const parts = schema[name].map((part) => follow(root, part));
    const others = parts.filter((part) => !isNull(part));
    if (others.length === parts.length || others.length === 0) continue;
    const {[name]: gone, ...rest} = schema;
    return {schema: others.length === 1 && isObject(others[0]) ? {...rest, ...others[0], ...annotations(rest)} : {...rest, [name]: others}, nullable: true};
  }
  return {schema, nullable: false};
}

const MERGED = ['type', 'properties', 'required', 'title', 'description', 'default', '$id', '$schema', '$comment', 'definitions', 'examples', 'additionalProperties'];

// allOf of plain objects is one object with the fields of all.
function joined(root, schema) {
  if (!Array.isArray(schema.allOf)) return schema;
  const {allOf, ...rest} = schema;
  const parts = allOf.map((part) => follow(root, part));
  if (parts.length === 1 && isObject(parts[0])) return {...parts[0], ...rest, ...annotations(schema)};
  if (!parts.every((part) => isObject(part) && Object.keys(part).every((key) => MERGED.includes(key)))) return schema;
  const all = [rest, ...parts];
  return {
    type: 'object', ...rest,
    properties: Object.assign({}, ...all.map((part) => (isObject(part.properties) ? part.properties : {}))),
    required: all.flatMap((part) => (Array.isArray(part.required) ? part.required : [])),
  };
}

const TEXT_OF = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function kindOf(root, schema, depth) {
  if (Object.hasOwn(schema, 'const')) return {kind: 'const', value: schema.const};
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return {kind: 'choice', options: schema.enum.map((value) => ({value, label: TEXT_OF(value)}))};
  const branches = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(branches) && branches.length > 0) {
    const parts = branches.map((part) => follow(root, part));
    if (parts.every((part) => isObject(part) && Object.hasOwn(part, 'const'))) {
      return {kind: 'choice', options: parts.map((part) => ({value: part.const, label: part.title ?? TEXT_OF(part.const), description: part.description}))};
    }
    // Fields beside the branches belong to all of them: that is more than a form can show.
    if (!schema.properties && parts.every(isObject) && depth < DEEPEST) return {kind: 'variant', branches: parts};
    return {kind: 'json'};
  }
  const type = schema.type ?? (isObject(schema.properties) ? 'object' : undefined);
  if (type === 'string') return {kind: 'text'};
  if (type === 'integer' || type === 'number') return {kind: 'number', whole: type === 'integer'};
  if (type === 'boolean') return {kind: 'boolean'};
  if (type === 'object' && isObject(schema.properties) && depth < DEEPEST) {
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    // The members come sorted by name; a list keeps its order. So the required ones come first, as the author listed them.
    const names = new Set([...[...required].filter((name) => Object.hasOwn(schema.properties, name)), ...Object.keys(schema.properties)]);
    return {
      kind: 'object',
      fields: [...names].map((name) => ({name, schema: schema.properties[name], required: required.has(name)})),
      // Whether further members can be added beside the named ones.
      open: schema.additionalProperties === true || isObject(schema.additionalProperties),
    };
  }
  if (type === 'array' && isObject(schema.items) && depth < DEEPEST) {
    const item = describe(root, schema.items, depth + 1);
    if (schema.uniqueItems && item.kind === 'choice' && item.options.length <= 30) return {kind: 'set', options: item.options};
    return {kind: 'list', items: schema.items};
  }
  return {kind: 'json'};
}

// {kind, schema, title, description, nullable, …}. kind: const, choice, variant, text, number, boolean, object, list, set, or json for
// all else.
export function describe(root, given, depth = 0) {
  const found = follow(root, given);
  if (!isObject(found)) return {kind: 'json', schema: {}, nullable: false};
  const {schema: plain, nullable} = withoutNull(root, found);
  const schema = joined(root, plain);
  return {
    ...kindOf(root, schema, depth), schema, nullable,
    title: typeof schema.title === 'string' ? schema.title : undefined,
    description: typeof schema.description === 'string' ? schema.description : undefined,
  };
}

// What a new item, variant or group begins with: what the schema fixes, and nothing else.
export function beginning(root, given, depth = 0) {
  const about = describe(root, given, depth);
  if (Object.hasOwn(about.schema, 'default')) return about.schema.default;
  if (about.kind === 'const') return about.value;
  if (about.kind === 'choice') return about.options[0].value;
  if (about.kind === 'variant') return beginning(root, about.branches[0], depth + 1);
  if (about.kind === 'text') return '';
  if (about.kind === 'number') return typeof about.schema.minimum === 'number' ? Math.max(about.schema.minimum, 0) : 0;
  if (about.kind === 'boolean') return false;
  if (about.kind === 'list' || about.kind === 'set') return [];
  if (about.kind !== 'object') return about.schema.type === 'object' ? {} : about.schema.type === 'array' ? [] : null;
  const made = {};
  for (const {name, schema, required} of about.fields) {
    const part = describe(root, schema, depth + 1);
    if (part.kind === 'const') Object.defineProperty(made, name, {value: part.value, enumerable: true, writable: true, configurable: true});
    else if (required && part.kind === 'object') Object.defineProperty(made, name, {value: beginning(root, schema, depth + 1), enumerable: true, writable: true, configurable: true});
  }
  return made;
}

// The fields with one value, for the axes of a sweep: [{path, title, kind}], those of nested objects too.
export function leaves(root, schema, path = [], found = []) {
  const about = describe(root, schema, path.length);
  if (found.length >= 200) return found;
  if (about.kind === 'object') for (const field of about.fields) leaves(root, field.schema, [...path, field.name], found);
  else if (path.length && ['text', 'number', 'boolean', 'choice'].includes(about.kind)) found.push({path, title: about.title ?? path.at(-1), about});
  return found;
}
