// The same call for a terminal and for Python. The key is read from the environment: it is in no text that is copied. For curl it
// goes through a file, because all users of a computer can read the command lines.
export const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A text within a here-document, where the shell replaces only what begins with these characters.
const hereQuoted = (text) => text.replaceAll(/[\\$`]/g, '\\$&');

// A text as a literal of Python. JSON's escapes mean the same there.
const pythonQuoted = (text) => JSON.stringify(text);

const names = ['username', 'organization_id', 'application_id', 'client_id'];

// files: names of what is sent; one is sent as it is, several as input.zip.
export function asCurl({base, identity, repository, params, metadata, fileName}) {
  const lines = [`curl -sS --fail-with-body ${shellQuoted(new URL('job/execute', base).href)}`];
  lines.push('-H @identity', '-H "Idempotency-Key: $(uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid)"');
  if (repository) lines.push(`-H ${shellQuoted(`repository_id: ${repository}`)}`);
  // --form-string: a value that begins with @ or < is text.
  if (params) lines.push(`--form-string ${shellQuoted(`params=${params}`)}`);
  if (metadata) lines.push(`--form-string ${shellQuoted(`metadata=${metadata}`)}`);
  if (fileName) lines.push(`-F ${shellQuoted(`file=@"${fileName.replaceAll(/[\\"]/g, '\\$&')}"`)}`);
  if (!params && !metadata && !fileName) lines.push('-X POST');
  const file = ['(umask 077 && cat >identity <<END', ...names.map((name) => `${name}: ${hereQuoted(identity[name])}`), 'x-api-key: $VBRAIN_API_KEY', 'END', ')', ''];
  return file.join('\n') + lines.join(' \\\n  ');
}

export function asPython({base, identity, repository, params, metadata, fileName}) {
  const headers = names.map((name) => [name, pythonQuoted(identity[name])]);
  headers.push(['x-api-key', 'os.environ["VBRAIN_API_KEY"]'], ['Idempotency-Key', 'str(uuid.uuid4())']);
  if (repository) headers.push(['repository_id', pythonQuoted(repository)]);
  const fields = [['params', params], ['metadata', metadata]].filter(([, value]) => value);
  const files = fields.map(([name, value]) => `    "${name}": (None, ${pythonQuoted(value)}),`);
  if (fileName) files.push(`    "file": open(${pythonQuoted(fileName)}, "rb"),`);
  return [
    'import os',
    'import uuid',
    '',
    'import requests',
    '',
    'headers = {',
    ...headers.map(([name, value]) => `    "${name}": ${value}${names.includes(name) ? '.encode()' : ''},`),
    '}',
    ...(files.length ? ['files = {', ...files, '}'] : ['files = None']),
    `answer = requests.post(${pythonQuoted(new URL('job/execute', base).href)}, headers=headers, files=files)`,
    'answer.raise_for_status()',
    'print(answer.json()["job_id"])',
  ].join('\n');
}
