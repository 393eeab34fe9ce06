// Makes js/vendor anew from npm, as vendor.json says, or compares:  node web/vendor.mjs [--check]
// Needs npm and tar. The integrity is that of npm's archive; a change of a version begins in vendor.json.
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const HERE = new URL('./', import.meta.url);
const packages = JSON.parse(readFileSync(new URL('vendor.json', HERE), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'vbrain-vendor-'));
const made = {'licenses.txt': []};

try {
  for (const [name, {version, integrity, files}] of Object.entries(packages)) {
    const archive = execFileSync('npm', ['pack', '--silent', `${name}@${version}`], {cwd: work, encoding: 'utf8'}).trim().split('\n').pop();
    const digest = `sha512-${createHash('sha512').update(readFileSync(join(work, archive))).digest('base64')}`;
    if (digest !== integrity) throw new Error(`${name}@${version} has the integrity ${digest}, not ${integrity}`);
    for (const [from, to] of Object.entries(files)) {
      const text = execFileSync('tar', ['-xzOf', archive, `package/${from}`], {cwd: work, encoding: 'utf8'});
      if (to === 'licenses.txt') made[to].push(`${name} ${version}\n\n${text}`);
      // Browsers resolve paths only, and the maps are not there.
      else made[to] = text.replace(/^\/\/# sourceMappingURL=.*\n?/m, '').replaceAll('from"preact"', 'from"./preact.js"');
    }
  }
} finally {
  rmSync(work, {recursive: true});
}
made['licenses.txt'] = made['licenses.txt'].join('\n');

let wrong = false;
for (const [name, text] of Object.entries(made)) {
  const file = new URL(`js/vendor/${name}`, HERE);
  if (!process.argv.includes('--check')) {
    mkdirSync(new URL('./', file), {recursive: true});
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`js/vendor/${name} is not that of vendor.json`);
    wrong = true;
  }
}
if (wrong) process.exitCode = 1;
