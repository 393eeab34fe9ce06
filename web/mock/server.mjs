// A small server with invented jobs, to look at the page without a cluster:  node web/mock/server.mjs [PORT]
// It answers as docs/api.md says, as far as the page asks. The key is vb_mock. Variables of the environment change it:
// JOBS=0 and so on, ROLE, PLAIN, EMPTY_PAGES=2 (pages without a job come first, as a filter that few jobs pass gives them),
// LOG_MB=100 (the log of a running job has a line of 8 MB, a flood of colours, and so many MB of lines), KEY (another key than vb_mock), SCHEMA=0 (the application has no schema), OLD=1 (a server without batches, uploads and the application's schema).
import {createReadStream, existsSync} from 'node:fs';
import {createServer} from 'node:http';
import {extname} from 'node:path';
import {deflateRawSync} from 'node:zlib';
import {crc32} from '../js/api/zip.js';
import {faultsOf} from '../js/form/validate.js';
import {renderPage} from '../assemble.mjs';
import {PARAMS_SCHEMA} from './schema.mjs';
import {uploads} from './uploads.mjs';
import {pdf, workbook} from './files.mjs';
import {answerKeys} from './keys.mjs';

const WEB = new URL('..', import.meta.url);
const TYPES = {'.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8'};
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const count = Number(process.env.JOBS ?? 240);
const role = process.env.ROLE ?? 'leader';
const emptyPages = Number(process.env.EMPTY_PAGES ?? 0);

const stamp = (at) => new Date(at).toISOString().slice(0, 19).replace('T', '_');
const NAMES = ['Demand forecast 2027', 'Demand forecast, southern stores', 'Route plan', 'Price elasticity', 'Stock levels, week 48', '', '<img src=x onerror=alert(1)>',
  'Previsão de demanda – São Paulo', 'Monte Carlo, 10,000 draws', 'A name that is very long because somebody pasted the title of a whole document into the field for the name of the job'];
const WAITS = [['ConcurrencyLimit', 'acme/Tutorial has 20 jobs under way; maxConcurrentJobs is 20'], ['Unschedulable', '0/3 nodes are available: 3 Insufficient memory']];
const FAILS = [['NonZeroExit', 'exit code 1 after 12.4 s'], ['OOMKilled', 'the application reached its memory limit of 64Mi'], ['Cancelled', 'cancelled by ana']];
if (process.env.PLAIN) NAMES.splice(5, 2, 'Demand forecast, northern stores', 'Campaign, spring');
const begin = Date.now();
const jobs = Array.from({length: count}, (_, index) => {
  const created = begin - Math.min(index, 300) ** 2 * 900 - index * 40_000 - 3000;
  const status = index < 2 ? 'queued' : index < 5 ? 'started' : index % 7 === 5 ? 'failed' : 'finished';
  const [reason, message] = status === 'queued' ? WAITS[index % 2] : status === 'started' ? ['Running', 'the application runs'] : status === 'failed' ? FAILS[(index >> 3) % 3] : ['Completed', 'exit code 0 after 1.2 s'];
  const job = {job_id: `${created.toString(16).padStart(12, '0').replace(/(.{8})/, '$1-')}-7c0e-9f7e-3f7c1a2b4c5d`, job_status: status, repository_id: '202009231629398695',
    name: NAMES[index % NAMES.length], input: ['data_input.xlsx'], created_on: stamp(created), created_by: ['ana', 'bruno', 'carla'][index % 3], params: true,
    metadata: {name: NAMES[index % NAMES.length]}, reason, message, attempts: status === 'queued' ? 0 : 1 + (index % 5 === 0)};
  if (status !== 'queued') job.started_on = stamp(created + 4000);
  if (job.attempts === 2) job.attempt_history = [{attempt: 1, reason: 'PodLost', started_on: stamp(created + 4000), finished_on: stamp(created + 4600)}, ...(status === 'started' ? [] : [{attempt: 2, reason, started_on: stamp(created + 4700), finished_on: stamp(created + 5200)}])];
  if (status === 'finished' || status === 'failed') job.finished_on = stamp(created + 4000 + (index % 9) * 61_000 + 1200);
  return job;
});
const repositories = NAMES.slice(0, Math.min(8, count)).map((name, index) => ({repository_id: `20200923162939869${index}`, name, input: ['data_input.xlsx', 'auxiliary.csv'].slice(0, 1 + index % 2),
  created_on: stamp(begin - index * 9e7), created_by: 'ana', params: true, metadata: {name, season: 'winter'}}));

const CSV = 'store,week,demand,price\n' + Array.from({length: 3000}, (_, row) => `${['North', 'South', '"East, new"', '=HYPERLINK("http://x")'][row % 4]},${row % 52 + 1},${(Math.sin(row) * 400 + 900).toFixed(1)},${(9 + row % 7 / 10).toFixed(2)}`).join('\n');
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 260"><script>document.title="canary"</script><rect width="640" height="260" fill="#fff"/><path d="M20 220' +
  Array.from({length: 61}, (_, x) => `L${20 + x * 10} ${150 - 70 * Math.sin(x / 6) - x}`).join('') + '" fill="none" stroke="#4150c8" stroke-width="3"/></svg>';
const OUTPUTS = {'forecast.csv': CSV, 'plan.xlsx': null, 'chart.svg': SVG, 'summary.json': JSON.stringify({total: 182_044.5, big: 1, stores: ['North', 'South'], model: {name: 'ets', damped: true, aic: -2.5}}).replace('"big":1', '"big":9007199254740993'),
  'notes/readme.txt': 'The forecast covers 52 weeks.\n', 'report.pdf': pdf(), 'model.bin': 'x'.repeat(5000), 'page.html': '<script>document.title="canary"</script>'};
const LOG = Array.from({length: 400}, (_, line) => line === 250 ? '\u001b[31mERROR\u001b[0m could not read column "price" of row 17: <b>not a number</b>' : `2026-11-29 10:0${line % 6}:1${line % 10} \u001b[32mINFO\u001b[0m step ${line} of 400 ${line % 50 === 0 ? 'progress 10%\rprogress 100%' : ''}`).join('\n') + '\n';

function zip(files) {
  const locals = [];
  const directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text);
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    locals.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const whole = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(whole.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, whole, end]);
}

const DOCUMENT = {...(process.env.OLD ? {} : {components: {schemas: {JobForm: {properties: {callback_url: {}}}}}}), paths: {'/job/{job_id}/logs/stream': {get: {}}, '/events': {get: {}}, '/job/{job_id}/cancel': {post: {'x-roles': ['leader']}}, '/job/{job_id}/retry': {post: {'x-roles': ['leader', 'developer']}},
  ...(process.env.OLD ? {} : {'/application': {get: {}}, '/keys': {get: {}, post: {}}, '/keys/{key_id}': {delete: {}}, '/job/batch': {post: {}}, '/uploads': {post: {}}, '/uploads/{upload_id}': {head: {}, patch: {}}})}};
const given = new Map();  // the params of jobs that were made by hand
const schema = process.env.SCHEMA === '0' ? undefined : PARAMS_SCHEMA;
const inherited = {horizon: 52, season: 'winter'};

// New jobs run for some seconds, one after the other; one of eight fails.
function makeJob(params, metadata, at, index) {
  const created = Date.now();
  const job = {job_id: `${created.toString(16).padStart(12, '0').replace(/(.{8})/, '$1-')}-7${index.toString(16).padStart(3, '0')}-9f7e-3f7c1a2b4c5d`, job_status: 'queued', repository_id: at, name: metadata?.name ?? '', input: [], created_on: stamp(created),
    created_by: 'ana', params: true, metadata: metadata ?? {}, reason: 'ConcurrencyLimit', message: 'acme/Tutorial has 20 jobs under way', attempts: 0};
  given.set(job.job_id, params);
  jobs.unshift(job);
  const change = (part) => {
    Object.assign(job, part);
    for (const stream of streams) stream.write(`event: job\nid: ${Date.now()}\ndata: ${JSON.stringify(job)}\n\n`);
  };
  setTimeout(() => change({job_status: 'started', started_on: stamp(Date.now()), reason: 'Running', attempts: 1}), 1500 + index * 120).unref();
  setTimeout(() => change({job_status: index % 8 === 7 ? 'failed' : 'finished', finished_on: stamp(Date.now()), reason: index % 8 === 7 ? 'NonZeroExit' : 'Completed', message: 'exit code'}), 3000 + index * 150).unref();
  return job.job_id;
}

function bodyOf(request) {
  return new Promise((resolve) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => resolve(Buffer.concat(parts)));
  });
}

// The fields of a form with plain text; files are left out.
function fieldsOf(body, type) {
  if (/json/.test(type ?? '')) return JSON.parse(body.toString() || '{}');
  const fields = {};
  for (const [, name, text] of body.toString('latin1').matchAll(/name="(params|metadata|callback_url)"\r\n\r\n([\s\S]*?)\r\n--/g)) fields[name] = name === 'callback_url' ? text : JSON.parse(Buffer.from(text, 'latin1').toString());
  return fields;
}

function violationsOf(params) {
  if (!schema) return [];
  return faultsOf(schema, {...inherited, ...params}).map(({pointer, code, values}) => ({pointer, message: `${code} ${Object.values(values).join(' ')} (said by the server)`}));
}

async function submit(request, send, path) {
  const body = fieldsOf(await bodyOf(request), request.headers['content-type']);
  const repository = request.headers.repository_id ?? repositories[0]?.repository_id ?? '202009231629398695';
  if (path === 'repository') return send(201, {message: 'Repository created successfully', repository_id: repository});
  if (body.callback_url && !/^https:\/\/hooks\.example\.com\//.test(body.callback_url)) {
    return send(400, {error: 'Invalid callback_url', detail: 'its host is not one that the operator allows. Remedy: send another URL, or ask the operator to name it in the chart value webhooks.allow'});
  }
  if (path === 'job/batch') {
    for (const [index, params] of body.params.entries()) {
      const violations = violationsOf(params);
      if (violations.length) return send(400, {error: 'Invalid params', detail: `element ${index} does not match the schema of the application`, violations: violations.map((one) => ({index, ...one}))});
    }
    return send(201, {message: 'Jobs created', job_ids: body.params.map((params, index) => makeJob({...inherited, ...params}, body.metadata, repository, index))});
  }
  const violations = violationsOf(body.params ?? {});
  if (violations.length) return send(400, {error: 'Invalid params', detail: 'the params do not fit the schema of the application', violations});
  return send(201, {message: 'Job created', job_id: makeJob({...inherited, ...body.params}, body.metadata, repository, 0)});
}
OUTPUTS['plan.xlsx'] = workbook(zip);
const streams = new Set();
const smoothing = (job) => given.get(job?.job_id)?.smoothing ?? ((jobs.indexOf(job) * 7) % 20) / 20;

function listJobs(query) {
  const skipped = Number(query.get('skipped') ?? 0);
  if (skipped < emptyPages) {
    query.set('skipped', skipped + 1);
    return {page: [], link: `<?${query}>; rel="next"`};
  }
  const states = query.get('status')?.split(',');
  const found = jobs.filter((job) => (!states || states.includes(job.job_status)) && (!query.get('created_by') || job.created_by === query.get('created_by')) &&
    (!query.get('from_date') || job.created_on.replace(/\D/g, '').slice(0, 12) >= query.get('from_date')) && (!query.get('to_date') || job.created_on.replace(/\D/g, '').slice(0, 12) <= query.get('to_date')) &&
    (!query.get('name') || job.name.toLowerCase().includes(query.get('name').toLowerCase())) && (!query.get('page_token') || job.job_id < query.get('page_token')));
  const page = found.slice(0, Number(query.get('page_size') ?? 100));
  if (page.length === found.length) return {page};
  query.set('page_token', page.at(-1).job_id);
  return {page, link: `<?${query}>; rel="next"`};
}

const logMegabytes = Number(process.env.LOG_MB ?? 0);

async function streamLargeLog(response) {
  response.writeHead(200, {'content-type': 'text/plain; charset=utf-8'});
  const write = (text) => new Promise((resolve) => (response.write(text) ? resolve() : response.once('drain', resolve)));
  await write(`${'x'.repeat(8_000_000)}\n${Array.from({length: 200_000}, (_, index) => `\u001b[3${index % 8}mx`).join('')}\n`);
  const piece = Array.from({length: 600}, (_, line) => `2026-11-29 10:00:00 \u001b[32mINFO\u001b[0m step ${line} of a log that is very long, with a line like all others ${'.'.repeat(line % 60)}`).join('\n') + '\n';
  for (let sent = 0; sent < logMegabytes * 1e6 && !response.destroyed; sent += piece.length) await write(piece);
  await write('the end\n');
}

function api(request, response, path, query) {
  const send = (status, body, headers = {}) => {
    const data = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    response.writeHead(status, {'content-type': 'application/json', 'x-request-id': '01939c3e-1111-7c0e-9f7e-3f7c1a2b4c5d', 'content-length': Buffer.byteLength(data), ...headers}).end(data);
  };
  if (path === 'openapi.json') return send(200, DOCUMENT, {link: '<../../docs>; rel="service-doc"'});
  if (request.headers['x-api-key'] !== (process.env.KEY ?? 'vb_mock')) return send(401, {error: 'Invalid x-api-key'});
  if (path === 'usage') return send(200, {bytes_used: 52_428_800_000, bytes_quota: 107_374_182_400, role});
  if (path === 'events') {
    response.writeHead(200, {'content-type': 'text/event-stream'}).write('retry: 2000\n\nevent: state\nid: 1\ndata: {"jobs":[],"last":true}\n\n');
    streams.add(response);
    return response.on('close', () => streams.delete(response));
  }
  if (path === 'application') return send(200, {application: 'Tutorial', ...(schema ? {params_schema: schema} : {}), deadline_seconds: 3600, attempts: 1});
  if (path === 'keys' || path.startsWith('keys/')) return bodyOf(request).then((body) => answerKeys(request, path, body.toString(), send));
  if (path.startsWith('uploads')) return uploads(request, response, path, send);
  if (request.method === 'POST' && ['repository', 'job/execute', 'job/batch'].includes(path)) return submit(request, send, path);
  if (path === 'job') {
    if (role === 'stakeholder') return send(403, {error: 'Permission denied'});
    if (request.headers.repository_id && !repositories.some(({repository_id: known}) => known === request.headers.repository_id)) return send(404, {error: 'Invalid repository_id'});
    const {page, link} = listJobs(query);
    return send(200, page, link ? {link} : {});
  }
  const [kind, id, part, , ...rest] = path.split('/').map(decodeURIComponent);
  if (kind === 'repository' && !id) return send(200, repositories);
  const job = jobs.find(({job_id: known}) => known === id);
  const repository = repositories.find(({repository_id: known}) => known === id);
  if (kind === 'job' ? !job : !repository) return send(404, {error: kind === 'job' ? 'Invalid job_id' : 'Invalid repository_id'});
  if (request.method === 'DELETE') return send(200, {message: 'deleted'});
  if (!part) {
    const open = job && !job.finished_on;
    return setTimeout(() => send(open ? 202 : 200, job ?? repository), open && query.get('wait') > 0 ? 15_000 : 0);
  }
  if (part === 'params' && repository) return send(200, inherited);
  if (part === 'params' && given.has(id)) return send(200, given.get(id));
  if (part === 'params') return send(200, {horizon: 52, season: 'winter', stores: ['North', 'South'], smoothing: smoothing(job)});
  if (part === 'result') return send(200, `{"output":{"total":${(180 + 40 * (smoothing(job) - 0.4) ** 2 - 12 * smoothing(job)).toFixed(2)},"forecast":[812.5,799.25,1.10],"model":{"name":"ets","aic":-2.5},"ok":true,"note":null}}`);
  if (part === 'logs' && path.endsWith('/stream') && logMegabytes) return streamLargeLog(response);
  if (part === 'logs' && path.endsWith('/stream')) {
    response.writeHead(200, {'content-type': 'text/plain; charset=utf-8'}).write(query.get('stream') === 'stderr' ? 'a warning\n' : LOG);
    let line = 400;
    const timer = setInterval(() => response.write(`2026-11-29 10:10:${line % 60} \u001b[32mINFO\u001b[0m step ${++line}\n`), 200);
    return response.on('close', () => clearInterval(timer));
  }
  if (part === 'logs') return send(200, zip({'stdout.log': LOG, 'stderr.log': job.job_status === 'failed' ? 'Traceback (most recent call last):\n  File "main.py", line 8\nValueError: a is missing\n' : ''}), {'content-type': 'application/zip', etag: '"1"'});
  const files = part === 'input' ? {'data_input.xlsx': workbook(zip), 'auxiliary.csv': 'a;b\n1;2\n'} : OUTPUTS;
  const name = rest.join('/');
  if (!name) return send(200, Object.entries(files).map(([file, text]) => ({name: file, bytes: Buffer.byteLength(text), type: 'application/octet-stream'})));
  return send(200, files[name], {'content-type': 'application/octet-stream'});
}

export const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname.startsWith('/api/v1/')) return api(request, response, url.pathname.slice(8), url.searchParams);
  const headers = {'content-security-policy': POLICY, 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache'};
  if (url.pathname === '/') return response.writeHead(200, {...headers, 'content-type': TYPES['.html']}).end(renderPage());
  const file = new URL(url.pathname.replace(/^\/web\//, './').replaceAll('..', ''), WEB);
  if (!existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, {...headers, 'content-type': TYPES[extname(file.pathname)] ?? 'text/plain'});
  return createReadStream(file).pipe(response);
});

if (process.argv[1]?.endsWith('server.mjs')) {
  server.listen(Number(process.argv[2] ?? 8090), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/  key vb_mock`));
}
