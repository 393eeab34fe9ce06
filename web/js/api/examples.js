// The same call for a terminal and for Python. The key is read from the environment: it is in no text that is copied.
export const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A text as a literal of Python. JSON's escapes mean the same there.
const pythonQuoted = (text) => JSON.stringify(text);

const names = ['username', 'organization_id', 'application_id', 'client_id'];

// files: names of what is sent; one is sent as it is, several as input.zip.
export function asCurl({base, identity, repository, params, metadata, fileName}) {
  const lines = [`curl -sS --fail-with-body ${shellQuoted(new URL('job/execute', base).href)}`];
  for (const name of names) lines.push(`-H ${shellQuoted(`${name}: ${identity[name]}`)}`);
  lines.push('-H "x-api-key: $VBRAIN_API_KEY"');
  if (repository) lines.push(`-H ${shellQuoted(`repository_id: ${repository}`)}`);
  // --form-string: a value that begins with @ or < is text.
  if (params) lines.push(`--form-string ${shellQuoted(`params=${params}`)}`);
  if (metadata) lines.push(`--form-string ${shellQuoted(`metadata=${metadata}`)}`);
  if (fileName) lines.push(`-F ${shellQuoted(`file=@"${fileName.replaceAll(/[\\"]/g, '\\$&')}"`)}`);
  if (!params && !metadata && !fileName) lines.push('-X POST');
  return lines.join(' \\\n  ');
}

export function asPython({base, identity, repository, params, metadata, fileName}) {
  const headers = names.map((name) => [name, pythonQuoted(identity[name])]);
  headers.push(['x-api-key', 'os.environ["VBRAIN_API_KEY"]']);
  if (repository) headers.push(['repository_id', pythonQuoted(repository)]);
  const fields = [['params', params], ['metadata', metadata]].filter(([, value]) => value);
  const files = fields.map(([name, value]) => `    "${name}": (None, ${pythonQuoted(value)}),`);
  if (fileName) files.push(`    "file": open(${pythonQuoted(fileName)}, "rb"),`);
  return [
    'import os',
    'import requests',
    '',
    'headers = {',
    ...headers.map(([name, value]) => `    "${name}": ${value}${name === 'x-api-key' || name === 'repository_id' ? '' : '.encode()'},`),
    '}',
    ...(files.length ? ['files = {', ...files, '}'] : ['files = None']),
    `answer = requests.post(${pythonQuoted(new URL('job/execute', base).href)}, headers=headers, files=files)`,
    'answer.raise_for_status()',
    'print(answer.json()["job_id"])',
  ].join('\n');
}
