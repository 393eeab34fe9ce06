// The same call for a terminal and for Python. The key is read from the environment: it is in no text that is copied. For curl it
// goes through a file, because all users of a computer can read the command lines.
import {uploadMetadata} from './tus.js';

export const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A text within a here-document, where the shell replaces only what begins with these characters.
const hereQuoted = (text) => text.replaceAll(/[\\$`]/g, '\\$&');

// A text as a literal of Python. JSON's escapes mean the same there.
const pythonQuoted = (text) => JSON.stringify(text);

const names = ['username', 'organization_id', 'application_id', 'client_id'];
const NEW_KEY = '-H "Idempotency-Key: $(uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid)"';
export const LONGEST_INLINE = 6000;  // characters of a list of params; a longer one is read from SWEEP_FILE
export const SWEEP_FILE = 'sweep.json';

const identityFile = (identity) => ['(umask 077 && cat >identity <<END', ...names.map((name) => `${name}: ${hereQuoted(identity[name])}`), 'x-api-key: $VBRAIN_API_KEY', 'END', ')', ''].join('\n');

const curl = (base, path, options) => [`curl -sS --fail-with-body ${shellQuoted(new URL(path, base).href)}`, '-H @identity', ...options].join(' \\\n  ');

const fileOption = (fileName) => `-F ${shellQuoted(`file=@"${fileName.replaceAll(/[\\"]/g, '\\$&')}"`)}`;

// The file as a resumable upload, whose id is in $upload then.
function curlUpload(base, fileName) {
  const size = `$(wc -c <${shellQuoted(fileName)} | tr -d ' ')`;
  return [
    `upload=$(curl -sS --fail-with-body -o /dev/null -D - -X POST ${shellQuoted(new URL('uploads', base).href)} \\`,
    `  -H @identity -H 'Tus-Resumable: 1.0.0' -H "Upload-Length: ${size}" -H ${shellQuoted(`Upload-Metadata: ${uploadMetadata(fileName)}`)} | tr -d '\\r' | sed -n 's|^[Ll]ocation: .*/uploads/||p')`,
    `curl -sS --fail-with-body -X PATCH -T ${shellQuoted(fileName)} "${hereQuoted(new URL('uploads/', base).href)}$upload" \\`,
    "  -H @identity -H 'Tus-Resumable: 1.0.0' -H 'Upload-Offset: 0' -H 'Content-Type: application/offset+octet-stream'",
    '',
  ].join('\n');
}

// fileName: of what is sent; one file is sent as it is, several as input.zip. resumable: it is uploaded first. rows: a JSON list of
// params for many jobs, or null.
export function asCurl(call) {
  const {base, identity, repository, params, metadata, callback, fileName, resumable, rows} = call;
  const upload = fileName && resumable ? curlUpload(base, fileName) : '';
  const file = [...(upload ? ['-F "upload_id=$upload"'] : []), ...(fileName && !upload ? [fileOption(fileName)] : [])];
  if (rows) return identityFile(identity) + upload + curlSweep({...call, file});
  const options = [NEW_KEY];
  if (repository) options.push(`-H ${shellQuoted(`repository_id: ${repository}`)}`);
  // --form-string: a value that begins with @ or < is text.
  if (params) options.push(`--form-string ${shellQuoted(`params=${params}`)}`);
  if (metadata) options.push(`--form-string ${shellQuoted(`metadata=${metadata}`)}`);
  if (callback) options.push(`--form-string ${shellQuoted(`callback_url=${callback}`)}`);
  options.push(...file);
  if (!params && !metadata && !callback && !fileName) options.push('-X POST');
  return identityFile(identity) + upload + curl(base, 'job/execute', options);
}

function curlSweep({base, repository, metadata, callback, rows, file}) {
  const long = rows.length > LONGEST_INLINE;
  const body = `{"params":${rows}${metadata ? `,"metadata":${metadata}` : ''}${callback ? `,"callback_url":${JSON.stringify(callback)}` : ''}}`;
  const text = long ? '' : `cat >${SWEEP_FILE} <<'END'\n${body}\nEND\n`;
  const json = ["-H 'Content-Type: application/json'", `--data-binary @${SWEEP_FILE}`];
  if (repository) return text + curl(base, 'job/batch', [NEW_KEY, `-H ${shellQuoted(`repository_id: ${repository}`)}`, ...json]);
  const made = curl(base, 'repository', [NEW_KEY, ...(metadata ? [`--form-string ${shellQuoted(`metadata=${metadata}`)}`] : []), ...file, ...(metadata || file.length ? [] : ['-X POST'])]);
  return `${text}repository=$(${made} |\n  sed 's/.*"repository_id":"\\([^"]*\\)".*/\\1/')\n${curl(base, 'job/batch', [NEW_KEY, '-H "repository_id: $repository"', ...json])}`;
}

const PYTHON_UPLOAD = (base, fileName) => [
  `with open(${pythonQuoted(fileName)}, "rb") as file:`,
  '    size = os.fstat(file.fileno()).st_size',
  `    made = requests.post(${pythonQuoted(new URL('uploads', base).href)}, headers={**identity, "Tus-Resumable": "1.0.0", "Upload-Length": str(size),`,
  `        "Upload-Metadata": ${pythonQuoted(uploadMetadata(fileName))}})`,
  '    made.raise_for_status()',
  '    upload = made.headers["Location"].rsplit("/", 1)[1]',
  `    sent = requests.patch(${pythonQuoted(new URL('uploads/', base).href)} + upload, data=file, headers={`,
  '        **identity, "Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})',
  '    sent.raise_for_status()',
];

export function asPython({base, identity, repository, params, metadata, callback, fileName, resumable, rows}) {
  const upload = Boolean(fileName && resumable);
  const headers = [...names.map((name) => `    "${name}": ${pythonQuoted(identity[name])}.encode(),`), '    "x-api-key": os.environ["VBRAIN_API_KEY"],'];
  const once = '"Idempotency-Key": str(uuid.uuid4())';
  const place = repository ? `, "repository_id": ${pythonQuoted(repository)}` : '';
  const fields = [['params', rows ? '' : params], ['metadata', metadata], ['callback_url', rows ? '' : callback]].filter(([, value]) => value).map(([name, value]) => `    "${name}": (None, ${pythonQuoted(value)}),`);
  if (upload) fields.push('    "upload_id": (None, upload),');
  else if (fileName) fields.push(`    "file": open(${pythonQuoted(fileName)}, "rb"),`);
  const files = fields.length ? ['files = {', ...fields, '}'] : ['files = None'];
  const lines = [...(rows ? ['import json'] : []), 'import os', 'import uuid', '', 'import requests', '', 'identity = {', ...headers, '}', ...(upload ? PYTHON_UPLOAD(base, fileName) : [])];
  if (!rows) {
    return [...lines, ...files,
      `answer = requests.post(${pythonQuoted(new URL('job/execute', base).href)}, files=files, headers={**identity, ${once}${place}})`,
      'answer.raise_for_status()', 'print(answer.json()["job_id"])'].join('\n');
  }
  const long = rows.length > LONGEST_INLINE;
  if (!repository) {
    lines.push(...files, `made = requests.post(${pythonQuoted(new URL('repository', base).href)}, files=files, headers={**identity, ${once}})`, 'made.raise_for_status()');
  }
  return [...lines,
    long ? `params = json.load(open("${SWEEP_FILE}"))["params"]` : `params = json.loads(${pythonQuoted(rows)})`,
    `answer = requests.post(${pythonQuoted(new URL('job/batch', base).href)}, json={"params": params${metadata ? `, "metadata": json.loads(${pythonQuoted(metadata)})` : ''}${callback ? `, "callback_url": ${pythonQuoted(callback)}` : ''}},`,
    `    headers={**identity, ${once}, "repository_id": ${repository ? pythonQuoted(repository) : 'made.json()["repository_id"]'}})`,
    'answer.raise_for_status()', 'print(answer.json()["job_ids"])'].join('\n');
}
