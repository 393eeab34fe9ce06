import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import test from 'node:test';
import {createClient, headerValue} from '../js/api/client.js';
import {errorOf, kindOf} from '../js/api/errors.js';
import {createEventParser, followEvents} from '../js/api/events.js';
import {asCurl, asPython} from '../js/api/examples.js';
import {featuresOf, may, readFeatures, unknownFeatures} from '../js/api/features.js';
import {createOnce, newKey} from '../js/api/once.js';
import {followLog} from '../js/api/log_stream.js';
import {nextLink} from '../js/api/link.js';
import {isOwnKey, keyBody, memberNames} from '../js/state/keys.js';
import {goesAlone} from '../js/api/upload.js';
import {crc32, packFiles, readDirectory, readEntry} from '../js/api/zip.js';

const identity = {organization_id: 'acme', application_id: 'Tutorial', client_id: 'north', username: 'zoë', 'x-api-key': 'vb_1_2'};
const base = 'http://host/prefix/api/v1/';

// A fetch that gives these answers one after the other; an Error is thrown.
function script(...answers) {
  const asked = [];
  const fetch = async (url, options) => {
    asked.push({url: url.href ?? url, ...options});
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer();
  };
  return {asked, fetch};
}
const answer = (status, body = '', headers = {}) => () => new Response([204, 304].includes(status) ? null : body, {status, headers});

test('header values are the bytes of UTF-8', () => {
  assert.equal(headerValue('zoë'), 'zo\u00c3\u00ab');
});

test('a Link header is read as RFC 8288 says', () => {
  for (const [header, want] of [
    ['<?page_token=a,b>; rel="next"', '?page_token=a,b'],
    ['<x>; rel=prev, <y>; title="a, <z>"; rel="last next"', 'y'],
    ['<x>; REL=NEXT', 'x'],
    ['<x>; rel="nextish"', null],
    ['', null], [null, null],
  ]) assert.equal(nextLink(header), want, header);
});

test('reading goes on by itself when the server is away', async () => {
  const {asked, fetch} = script(new TypeError('failed'), answer(503, '{"error":"Service unavailable"}', {'retry-after': '7'}), answer(200, '{"job_id":"x"}'));
  const waits = [];
  const states = [];
  const api = createClient({base, identity: () => identity, fetch, onAway: (yes) => states.push(yes), wait: async (time) => waits.push(time)});
  assert.deepEqual(await api.job('a/b'), {job_id: 'x'});
  assert.equal(asked[0].url, `${base}job/a%2Fb?jobs=false`);
  assert.deepEqual(states, [true, true, false]);
  assert.ok(waits[1] >= 7000);
});

test('what changes something is sent once', async () => {
  const {asked, fetch} = script(new TypeError('failed'));
  const api = createClient({base, identity: () => identity, fetch});
  await assert.rejects(api.deleteJob('x'), {kind: 'away'});
  assert.equal(asked.length, 1);
});

test('identity goes in headers; nothing is cached, and no cookie is sent', async () => {
  const {asked, fetch} = script(answer(200, '[]', {link: '<?view=full&page_token=t>; rel="next"'}));
  const api = createClient({base, identity: () => identity, fetch});
  const page = await api.jobs({status: 'failed', name: ''});
  assert.equal(page.next, `${base}job?view=full&page_token=t`);
  assert.equal(asked[0].url, `${base}job?page_size=100&order=desc&view=full&status=failed`);
  assert.equal(asked[0].headers['x-api-key'], 'vb_1_2');
  assert.ok(!asked[0].url.includes('vb_'));
  assert.equal(asked[0].cache, 'no-store');
  assert.equal(asked[0].credentials, 'omit');
});

test('rows are read on over short and empty pages, with the headers of the first request', async () => {
  const link = (token) => ({link: `<?page_token=${token}>; rel="next"`});
  const {asked, fetch} = script(answer(200, '[]', link('b')), answer(200, '[1]', link('c')), answer(200, '[]', link('d')), answer(200, '[2,3]', link('e')));
  const api = createClient({base, identity: () => identity, fetch});
  const options = {headers: {repository_id: 'r'}};
  const page = await api.filled(await api.jobs({}, options), 3, options);
  assert.deepEqual(page, {items: [1, 2, 3], next: `${base}job?page_token=e`});
  assert.ok(asked.every(({headers}) => headers.repository_id === 'r'));
  assert.deepEqual(await api.filled({items: [], next: null}, 3), {items: [], next: null});
});

test('a list of the small server that begins with empty pages is read to its rows', async (context) => {
  process.env.EMPTY_PAGES = '2';
  const {server} = await import('../mock/server.mjs');
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const api = createClient({base: `http://127.0.0.1:${server.address().port}/api/v1/`, identity: () => ({...identity, 'x-api-key': 'vb_mock'}), fetch});
  const first = await api.jobs({page_size: 3});
  assert.deepEqual(first.items, []);
  assert.equal((await api.filled(first, 1)).items.length, 3);
});

test('a page is asked for at this server only', async () => {
  const {fetch} = script(answer(200, '[]', {link: '<//evil.example/x>; rel="next"'}));
  const api = createClient({base, identity: () => identity, fetch});
  const {next} = await api.jobs({});
  await assert.rejects(api.nextPage(next), /another server/);
});

test('a key that is refused is told, and not tried again', async () => {
  let refused = 0;
  const {fetch} = script(answer(401, '{"error":"Invalid x-api-key"}'));
  const api = createClient({base, identity: () => identity, fetch, onKeyRefused: () => ++refused});
  await assert.rejects(api.usage(), {kind: 'key', error: 'Invalid x-api-key'});
  assert.equal(refused, 1);
});

test('new work that gets 401 ends the session only if the key is not taken for reading either', async () => {
  for (const [status, kind, times] of [[200, 'closed', 0], [401, 'key', 1], [500, 'server', 0]]) {
    let refused = 0;
    const {asked, fetch} = script(answer(401), answer(status, '{}'));
    const api = createClient({base, identity: () => identity, fetch, onKeyRefused: () => ++refused});
    await assert.rejects(api.retryJob('x', 'k'), {kind});
    assert.equal(refused, times, kind);
    assert.equal(asked[0].headers['idempotency-key'], 'k');
    assert.equal(asked[1].url, `${base}usage`);
  }
});

test('a key is kept until the job was made or its content is another', () => {
  let count = 0;
  const once = createOnce(() => `k${++count}`);
  assert.deepEqual([once.keyOf(['a']), once.keyOf(['a']), once.keyOf(['b'])], ['k1', 'k1', 'k2']);
  once.done();
  assert.equal(once.keyOf(['b']), 'k3');
  assert.equal(newKey((bytes) => bytes.fill(255)), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.notEqual(newKey(), newKey());
});

test('statuses have a kind', () => {
  for (const [status, want] of [[400, 'refused'], [401, 'key'], [403, 'role'], [404, 'missing'], [409, 'refused'], [429, 'away'], [500, 'server'], [503, 'away'], [507, 'refused']]) {
    assert.equal(kindOf(status), want, String(status));
  }
  assert.equal(errorOf(502, () => null, '<html>').error, '');
  const {violations} = errorOf(400, () => null, '{"error":"Invalid params","violations":[{"pointer":"/a","message":"too large"},{"index":3,"pointer":"","message":"x"},{"pointer":1,"message":"x"},{"pointer":""},null]}');
  assert.deepEqual(violations, [{pointer: '/a', message: 'too large'}, {pointer: '', message: 'x', index: 3}]);
  assert.equal(errorOf(400, () => null, JSON.stringify({violations: Array(5000).fill({pointer: '', message: ''})})).violations.length, 100);
});

test('events are read however they are cut', () => {
  const text = ':hello\r\nretry: 250\n\nid: 7\nevent: job\ndata: {"a":\ndata: 1}\n\ndata\n\nevent: x\n\nid\rdata: ü\r\r\n';
  for (const size of [1, 2, 3, 7, 1000]) {
    const events = [];
    let retry = 0;
    const parse = createEventParser((event) => events.push(event), (time) => (retry = time));
    for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
    assert.equal(retry, 250);
    assert.deepEqual(events, [{id: '7', type: 'job', data: '{"a":\n1}'}, {id: '7', type: 'message', data: ''}, {id: '', type: 'message', data: 'ü'}], `pieces of ${size}`);
  }
});

test('an event without end is not kept', () => {
  const parse = createEventParser(() => {});
  assert.throws(() => { for (;;) parse('x'.repeat(1 << 20)); }, /too long/);
});

test('a stream goes on after a break with the last id, and ends when there is nothing more', async () => {
  const {asked, fetch} = script(answer(200, 'retry: 3000\n\nid: 5\nevent: job\ndata: 1\n\n'), new TypeError('failed'), answer(200, 'id: 6\ndata: 2\n\n'), answer(204));
  const api = createClient({base, identity: () => identity, fetch});
  const events = [];
  const states = [];
  const waits = [];
  await followEvents({
    open: (headers, signal) => api.send('GET', 'events', {headers, signal}), onEvent: ({data}) => events.push(data), onState: (live) => states.push(live),
    signal: new AbortController().signal, wait: async (time) => waits.push(time), random: () => 0,
  });
  assert.deepEqual(events, ['1', '2']);
  assert.deepEqual(asked.map(({headers}) => headers['last-event-id']), [undefined, '5', '5', '6']);
  assert.ok(waits.every((time) => time >= 3000));
  assert.deepEqual(states, [true, false, false, true, false]);
});

test('a stream that is refused is not asked for again', async () => {
  const {asked, fetch} = script(answer(403, '{"error":"Permission denied"}'));
  const api = createClient({base, identity: () => identity, fetch});
  await assert.rejects(followEvents({open: (headers, signal) => api.send('GET', 'events', {headers, signal}), onEvent() {}, signal: new AbortController().signal}), {kind: 'role'});
  assert.equal(asked.length, 1);
});

test('buttons are for what the document describes and the role may do', () => {
  const features = featuresOf({paths: {'/events': {get: {}}, '/job/{job_id}/cancel': {post: {'x-roles': ['leader']}}}});
  assert.ok(features.events && features.cancel && !features.retry);
  // As the server's document has it.
  assert.match(readFileSync(new URL('../../api-server/openapi/document/schemas.yaml', import.meta.url), 'utf8'), /\n {4}JobForm:\n(?: {6}.*\n)+? {8}callback_url:/);
  assert.ok(featuresOf({components: {schemas: {JobForm: {properties: {callback_url: {}}}}}}).callback && !features.callback);
  assert.ok(may(features, 'leader', 'cancel') && !may(features, 'developer', 'cancel'));
  assert.ok(!may(unknownFeatures, 'leader', 'cancel'));
  assert.ok(may(features, 'leader', 'deleteJob') && !may(features, null, 'deleteJob') && !may(features, 'stakeholder', 'getJob'));
});

test('keys are offered where all three endpoints are, and each request is sent once', async () => {
  const paths = {'/keys': {get: {}, post: {}}, '/keys/{key_id}': {delete: {}}};
  assert.ok(featuresOf({paths}).keys && !featuresOf({paths: {'/keys': paths['/keys']}}).keys && !unknownFeatures.keys);
  const {asked, fetch} = script(answer(503, '{"error":"Service unavailable","detail":"no definition"}'), answer(201, '{"key_id":"a","api_key":"vb_a_b","username":"bot"}'), answer(200, '{}'));
  const api = createClient({base, identity: () => identity, fetch});
  await assert.rejects(api.keys(), (error) => error.kind === 'away' && error.detail === 'no definition');
  assert.equal((await api.makeKey(keyBody({username: ' bot ', lifetime: 0, description: ''}))).api_key, 'vb_a_b');
  await api.deleteKey('a');
  assert.deepEqual(asked.map(({method, url, body}) => [method, url, body]), [['GET', `${base}keys`, undefined], ['POST', `${base}keys`, '{"username":"bot"}'], ['DELETE', `${base}keys/a`, undefined]]);
  assert.ok(!('idempotency-key' in asked[1].headers));
});

test('members and the own key are known by the list', () => {
  assert.deepEqual(memberNames([{username: 'a', role: 'leader'}, {username: 'a', role: 'leader'}, {username: 'gone'}]), ['a']);
  assert.deepEqual(JSON.parse(keyBody({username: 'bot', lifetime: 60, description: ' x '})), {username: 'bot', expires_in: 60, description: 'x'});
  assert.ok(isOwnKey('k3v9', 'vb_k3v9_secret') && !isOwnKey('k3v', 'vb_k3v9_secret'));
});

test('a server that hides its document has the old features', async () => {
  assert.equal(await readFeatures(base, async () => new Response('', {status: 404})), unknownFeatures);
});

test('the link to /docs is shown where the server says that the page is there', async () => {
  const withLink = (value) => async () => new Response('{"paths":{}}', {headers: value ? {Link: value} : {}});
  assert.ok((await readFeatures(base, withLink('<../../docs>; rel="service-doc"'))).documented);
  assert.ok(!(await readFeatures(base, withLink())).documented);
  assert.ok(!(await readFeatures(base, withLink('<x>; rel="next"'))).documented);
});

test('the document is asked for again until the server has told whether it has one', async () => {
  const {asked, fetch} = script(new TypeError('failed'), answer(503), answer(200, '<html>'), answer(200, '{"paths":{"/events":{"get":{}}}}'));
  assert.ok((await readFeatures(base, fetch, async () => {})).events);
  assert.equal(asked.length, 4);
});

test('roles are those of docs/api.md', () => {
  const table = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const row = (action) => new RegExp(`\\| ${action}[^|]*\\| (.*) \\|`).exec(table)[1].split('|').map((cell) => cell.trim().startsWith('yes'));
  const roles = ['leader', 'developer', 'stakeholder'];
  for (const [action, words] of [['deleteJob', 'deletes jobs'], ['deleteRepository', 'deletes repositories'], ['createRepository', 'creates repositories'], ['getJob', 'reads jobs']]) {
    assert.deepEqual(roles.map((role) => may(unknownFeatures, role, action)), row(words), action);
  }
});

const call = {base, identity: {...identity, username: "o'neil"}, repository: '2020', params: '{"a":"it\'s @x"}', metadata: '', fileName: 'a "b".csv'};

test('the curl call has every part quoted, and the key neither in it nor on the command line', (context) => {
  const folder = mkdtempSync(`${tmpdir()}/curl-`);
  context.after(() => rmSync(folder, {recursive: true}));
  const text = asCurl({...call, identity: {...call.identity, client_id: 'a$HOME`id`\\b'}});
  assert.ok(!text.includes('vb_1_2'));
  const words = execFileSync('bash', ['-c', `curl() { printf '%s\\n' "$@"; }; ${text}`], {cwd: folder, encoding: 'utf8', env: {...process.env, VBRAIN_API_KEY: 'secret'}}).split('\n');
  assert.ok(words.includes('params={"a":"it\'s @x"}') && words.includes('file=@"a \\"b\\".csv"') && words.includes('@identity'));
  assert.ok(words.some((word) => /^Idempotency-Key: [0-9a-fA-F-]{36}$/.test(word)));
  assert.ok(!words.join().includes('secret'));
  assert.equal(readFileSync(`${folder}/identity`, 'utf8'), "username: o'neil\norganization_id: acme\napplication_id: Tutorial\nclient_id: a$HOME`id`\\b\nx-api-key: secret\n");
});

test('the address that is told is a part of the same call', (context) => {
  const told = {...call, params: '', metadata: '', fileName: '', callback: 'https://hooks.example.com/it\'s?a="b"'};
  const {calls: [one]} = callsOf(context, asCurl(told));
  assert.ok(one.includes('--form-string') && one.includes(`callback_url=${told.callback}`), one.join());
  const {calls: [batch], folder} = callsOf(context, asCurl({...told, rows: '[{}]'}));
  assert.ok(!batch.join().includes('callback_url'));
  assert.equal(JSON.parse(readFileSync(`${folder}/sweep.json`, 'utf8')).callback_url, told.callback);
  // What Python makes of it: the members of the form, and of the body of a sweep.
  const python = (text) => execFileSync('python3', ['-c', `import json, sys, types
class Answer:
    def raise_for_status(self): pass
    def json(self): return {"job_id": "", "job_ids": [], "repository_id": "1"}
said = []
def post(url, files=None, json=None, headers=None):
    said.append({"url": url, "form": files and {name: value[1] for name, value in files.items()}, "body": json})
    return Answer()
sys.modules["requests"] = types.SimpleNamespace(post=post)
exec(sys.stdin.read())
print(json.dumps(said[-1]) if "json" in dir() else said)`], {input: text, encoding: 'utf8', env: {...process.env, VBRAIN_API_KEY: 'secret'}}).trim().split('\n').at(-1);
  assert.equal(JSON.parse(python(asPython(told))).form.callback_url, told.callback);
  const sweep = JSON.parse(python(asPython({...told, repository: '', rows: '[{}]'})));
  assert.equal(sweep.body.callback_url, told.callback);
  assert.equal(sweep.form, null);
});

// What a shell does with the text: the words of each curl. A curl that makes something prints `said`.
function callsOf(context, text, said = '') {
  const folder = mkdtempSync(`${tmpdir()}/curl-`);
  context.after(() => rmSync(folder, {recursive: true}));
  writeFileSync(`${folder}/input.zip`, 'content');
  const shell = `curl() { printf '%s\\n' CURL "$@" >>words; printf '%s' '${said}'; }; ${text}`;
  execFileSync('bash', ['-c', shell], {cwd: folder, env: {...process.env, VBRAIN_API_KEY: 'secret'}});
  return {calls: readFileSync(`${folder}/words`, 'utf8').split('CURL\n').slice(1).map((words) => words.split('\n')), folder};
}

test('a sweep as a call for a shell makes the repository first, and reads the params from a file', (context) => {
  const rows = '[{"a":"it\'s $HOME"},{"a":2}]';
  const {calls: [batch], folder} = callsOf(context, asCurl({...call, fileName: '', rows, metadata: '{"name":"x"}'}));
  assert.ok(batch[2].endsWith('/job/batch') && batch.includes('@sweep.json') && batch.includes('repository_id: 2020'), batch.join());
  assert.equal(readFileSync(`${folder}/sweep.json`, 'utf8'), `{"params":${rows},"metadata":{"name":"x"}}\n`);
  const {calls: [made, then]} = callsOf(context, asCurl({...call, repository: '', rows, metadata: '', fileName: 'input.zip'}), '{"message":"x","repository_id":"42"}');
  assert.ok(made[2].endsWith('/repository') && made.includes('file=@"input.zip"'));
  assert.ok(then.includes('repository_id: 42'));
  assert.ok(!asCurl({...call, rows: 'x'.repeat(10_000)}).includes('xxx'));
});

test('a large file is uploaded in the call for a shell, and its id is passed on', (context) => {
  const {calls: [made, sent, then]} = callsOf(context, asCurl({...call, params: '', metadata: '', fileName: 'input.zip', resumable: true}), 'Location: http://h/api/v1/uploads/u-7');
  assert.ok(made.includes('Upload-Length: 7') && made.some((word) => word.endsWith('/uploads')));
  assert.ok(sent.includes('PATCH') && sent.some((word) => word.endsWith('/uploads/u-7')));
  assert.ok(then.includes('upload_id=u-7') && made.includes('Upload-Metadata: filename aW5wdXQuemlw'));
});

test('the Python call is Python, and has not the key', () => {
  for (const one of [call, {...call, params: '', fileName: '', repository: ''}, {...call, rows: '[{"a":1}]'}, {...call, repository: '', metadata: '', rows: 'x'.repeat(10_000), resumable: true}]) {
    const text = asPython(one);
    assert.ok(!text.includes('vb_1_2') && text.includes('"Idempotency-Key": str(uuid.uuid4())'));
    execFileSync('python3', ['-c', 'import ast,sys; ast.parse(sys.stdin.read())'], {input: text});
  }
});

test('only what the server takes alone goes alone', () => {
  const file = (name) => ({name, file: {}});
  assert.ok(goesAlone([file('a.CSV')]));
  for (const files of [[file('a.txt')], [file('d/a.csv')], [file('a.csv'), file('b.csv')], []]) assert.ok(!goesAlone(files));
});

test('the checksum is that of ZIP', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
  assert.equal(crc32(new TextEncoder().encode('6789'), crc32(new TextEncoder().encode('12345'))), 0xcbf43926);
});

test('files are packed as an archive that Python reads, and this page', async () => {
  const files = ['a.txt', 'ö/b.csv', 'empty'].map((name, index) => ({name, file: new File([index === 2 ? '' : `content ${index}`], 'x', {lastModified: Date.UTC(2024, 1, 29, 12, 30, 10)})}));
  const progress = [];
  const bytes = new Uint8Array(await (await packFiles(files, (done) => progress.push(done))).arrayBuffer());
  assert.equal(progress.at(-1), 18);
  const listed = execFileSync('python3', ['-c', 'import io,sys,zipfile; z=zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())); assert z.testzip() is None; print([(i.filename,i.file_size,i.date_time) for i in z.infolist()])'], {input: bytes, encoding: 'utf8'});
  assert.equal(listed.trim(), "[('a.txt', 9, (2024, 2, 29, 12, 30, 10)), ('ö/b.csv', 9, (2024, 2, 29, 12, 30, 10)), ('empty', 0, (2024, 2, 29, 12, 30, 10))]");
  const entries = readDirectory(bytes);
  assert.equal(new TextDecoder().decode(await readEntry(bytes, entries[1])), 'content 1');
});

test('what is too large for a ZIP is refused before it is read', async () => {
  await assert.rejects(packFiles([{name: 'a', file: {size: 5e9}}]), RangeError);
});

test('a packed archive is read, and of a long entry the end', async () => {
  const bytes = new Uint8Array(execFileSync('python3', ['-c', "import io,sys,zipfile; b=io.BytesIO(); z=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED); z.writestr('x.log','0123456789'*100000); z.close(); sys.stdout.buffer.write(b.getvalue())"]));
  const [entry] = readDirectory(bytes);
  assert.equal(entry.size, 1_000_000);
  assert.equal(new TextDecoder().decode(await readEntry(bytes, entry, 5)), '56789');
  assert.throws(() => readDirectory(new TextEncoder().encode('no archive at all, really not')), /not a ZIP/);
});

test('a log grows, begins anew after a break, and ends with the job', async () => {
  const broken = () => new Response(new ReadableStream({start(controller) {
    controller.enqueue(new TextEncoder().encode('one\n'));
    setImmediate(() => controller.error(new TypeError('network')));
  }}));
  const {asked, fetch} = script(broken, answer(200, 'one\ntwo\n'));
  const api = createClient({base, identity: () => identity, fetch});
  const seen = [];
  await followLog({open: (signal) => api.logStream('x', 'stdout', {signal}), onBegin: () => seen.push('begin'), onText: (text) => seen.push(text), signal: new AbortController().signal, wait: async () => {}});
  assert.deepEqual(seen, ['begin', 'one\n', 'begin', 'one\ntwo\n']);
  assert.equal(asked[0].url, `${base}job/x/logs/stream?stream=stdout&tail=20000`);
});

test('a log of a deleted job is not asked for again', async () => {
  const {asked, fetch} = script(answer(404, '{"error":"Invalid job_id"}'));
  const api = createClient({base, identity: () => identity, fetch});
  await assert.rejects(followLog({open: (signal) => api.logStream('x', 'stdout', {signal}), onText() {}, signal: new AbortController().signal}), {kind: 'missing'});
  assert.equal(asked.length, 1);
});
