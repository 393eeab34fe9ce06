// Sends each case of forms/cases.json with one HTTP client: forms.js CLIENT URL. Run by record.py.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');

const [client, url] = process.argv.slice(2);
const cases = JSON.parse(fs.readFileSync(path.join(process.env.CORPUS, 'forms/cases.json')));

function fill(form, one, add) {
  for (const file of one.files) add(file.name, Buffer.from(file.content));
  for (const name of ['params', 'metadata']) if (name in one) form.append(name, one[name]);
  return form;
}

async function nodeFetch(one, target) {
  const form = new FormData();
  fill(form, one, (name, content) => form.append('file', new Blob([content], { type: 'text/csv' }), name));
  await (await fetch(target, { method: 'POST', body: form })).text();
}

async function formData(one, target) {
  const form = new (require('form-data'))();
  fill(form, one, (name, content) => form.append('file', content, { filename: name, contentType: 'text/csv' }));
  await new Promise((done, failed) => {
    const request = http.request(target, { method: 'POST', headers: form.getHeaders() }, (answer) => {
      answer.resume();
      answer.on('end', done);
    });
    request.on('error', failed);
    form.pipe(request);
  });
}

async function all() {
  const send = { node_fetch: nodeFetch, form_data: formData }[client];
  for (const one of cases) await send(one, `${url}/${client}/${one.case}`);
}
all();
