// Writes one archive with each writer of npm into the folder of the first argument. Run by make.sh.
'use strict';
const fs = require('fs');
const path = require('path');

const out = (name) => path.join(process.argv[2], name);
const when = new Date('2020-07-01T12:34:56Z');
const files = {
  'n.csv': Buffer.from('1,2\n'),
  'relatório.csv': Buffer.from('a;b\n'),
  'd/zeros.bin': Buffer.alloc(20000),
  'd/none.csv': Buffer.alloc(0),
};

async function jszip(name, options) {
  const JSZip = require('jszip');
  const zip = new JSZip();
  for (const [file, content] of Object.entries(files)) zip.file(file, content, { date: when });
  zip.folder('empty');
  fs.writeFileSync(out(name), await zip.generateAsync({ type: 'nodebuffer', ...options }));
}

async function archiver() {
  const archive = require('archiver')('zip');
  const target = fs.createWriteStream(out('archiver.zip'));
  archive.pipe(target);
  for (const [file, content] of Object.entries(files)) archive.append(content, { name: file, date: when });
  archive.append('', { name: 'empty/', date: when });
  await archive.finalize();
  await new Promise((done) => (target.closed ? done() : target.on('close', done)));
}

async function yazl(name, options, end) {
  const zip = new (require('yazl').ZipFile)();
  for (const [file, content] of Object.entries(files)) zip.addBuffer(content, file, { mtime: when, ...options });
  zip.addReadStream(fs.createReadStream(__filename), 'stream.js', { mtime: when, ...options });
  zip.addEmptyDirectory('empty', { mtime: when });
  zip.end(end);
  const target = fs.createWriteStream(out(name));
  zip.outputStream.pipe(target);
  await new Promise((done) => target.on('close', done));
}

async function fflate() {
  const { zipSync, Zip, ZipDeflate } = require('fflate');
  const tree = { 'empty/': new Uint8Array(0) };
  for (const [file, content] of Object.entries(files)) tree[file] = [new Uint8Array(content), { mtime: when }];
  fs.writeFileSync(out('fflate.zip'), zipSync(tree));
  const pieces = [];
  const zip = new Zip((error, piece) => {
    if (error) throw error;
    pieces.push(Buffer.from(piece));
  });
  for (const [file, content] of Object.entries(files)) {
    const entry = new ZipDeflate(file);
    entry.mtime = when;
    zip.add(entry);
    entry.push(new Uint8Array(content), true);
  }
  zip.end();
  fs.writeFileSync(out('fflate-stream.zip'), Buffer.concat(pieces));
}

async function all() {
  await jszip('jszip.zip', { compression: 'DEFLATE' });
  await jszip('jszip-stream.zip', { compression: 'DEFLATE', streamFiles: true });
  await jszip('jszip-dos.zip', { platform: 'DOS' });
  await archiver();
  await yazl('yazl.zip', {});
  await yazl('yazl-zip64.zip', { forceZip64Format: true }, { forceZip64Format: true });
  await fflate();
}
all();
