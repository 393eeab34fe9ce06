// Writes js/text/reasons_en.js out of the table in docs/operations.md, which the controller prints.  node web/reasons.mjs
import {readFileSync, writeFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';

const TABLE = new URL('../docs/operations.md', import.meta.url);
const OUT = new URL('js/text/reasons_en.js', import.meta.url);

// [[reason, cause, remedy]] of the reasons that jobs have.
export function readReasons(text = readFileSync(TABLE, 'utf8')) {
  const table = text.slice(text.indexOf('<!-- reasons: begin'), text.indexOf('<!-- reasons: end'));
  return table.split('\n').map((line) => /^\| `(\w+)` \| ([^|]*) \|[^|]*\| ([^|]*) \|([^|]*)\|$/.exec(line))
    .filter((found) => found && /Queued|Started|Finished|Failed/.test(found[2]))
    .map((found) => [found[1], found[3].trim(), found[4].trim()]);
}

export function renderReasons(rows) {
  const lines = rows.map(([reason, cause, remedy]) => `  ${reason}: [${JSON.stringify(cause)}, ${JSON.stringify(remedy)}],`);
  return `// Made by web/reasons.mjs from docs/operations.md: reason: [cause, what to do].\nexport const reasons = {\n${lines.join('\n')}\n};\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(OUT, renderReasons(readReasons()));
