import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import test from 'node:test';
import {columnOf, formatKind, openWorkbook, shownCell} from '../js/preview/later/xlsx.js';
import {attributesOf, createXmlReader, decodeEntities} from '../js/preview/later/xml.js';

// A ZIP of the parts {name: text}, by Python.
function zip(parts) {
  const script = 'import io,json,sys,zipfile\nb=io.BytesIO()\nz=zipfile.ZipFile(b,"w",zipfile.ZIP_DEFLATED)\n[z.writestr(n,t) for n,t in json.load(sys.stdin).items()]\nz.close()\nsys.stdout.buffer.write(b.getvalue())';
  return new Uint8Array(execFileSync('python3', ['-c', script], {input: JSON.stringify(parts), maxBuffer: 1 << 28}));
}

const book = (sheet, more = {}) => zip({
  'xl/workbook.xml': '<workbook xmlns:r="r"><sheets><sheet name="A &amp; B" sheetId="1" r:id="rId1"/></sheets></workbook>',
  'xl/_rels/workbook.xml.rels': '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
  'xl/worksheets/sheet1.xml': sheet, ...more,
});
const rowsOf = async (sheet, more, most = 1001) => (await (await openWorkbook(book(sheet, more))).read(0, most));

test('XML is read however it is cut', () => {
  const text = '<?xml version="1.0"?><!-- <no> --><x:a b=\'1\' c="&lt;2&#x41;"><d/>t&amp;u<![CDATA[<raw>]]></x:a >';
  for (const size of [1, 2, 5, 1000]) {
    const seen = [];
    let word = '';
    const push = createXmlReader({open: (name, rest) => seen.push(`<${name}${[...attributesOf(rest)].map(([key, value]) => ` ${key}=${value}`).join('')}`), text: (part) => (word += part), close: (name) => seen.push(`/${name}`)});
    for (let at = 0; at < text.length; at += size) push(text.slice(at, at + size));
    assert.deepEqual(seen, ['<a b=1 c=<2A', '<d', '/d', '/a'], `pieces of ${size}`);
    assert.equal(word, 't&u<raw>');
  }
  assert.equal(decodeEntities('&unknown;&#0;&#x110000;&'), '&unknown;&');
});

test('a document type is refused, and a tag without an end', () => {
  for (const size of [1, 1000]) {
    const text = '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>';
    assert.throws(() => {
      const push = createXmlReader({});
      for (let at = 0; at < text.length; at += size) push(text.slice(at, at + size));
    }, /document type|damaged/);
  }
  assert.throws(() => {
    const push = createXmlReader({});
    for (let count = 0; count < 100; ++count) push('<a '.padEnd(2000, 'x'));
  }, /too long/);
});

test('cells are read with their places and kinds', async () => {
  const {rows, columns, more} = await rowsOf('<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh><t>no</t></rPh></is></c></row>' +
    '<row r="3"><c r="A3" s="1"><v>46000.5</v></c><c r="B3" s="2"><v>0.125</v></c><c r="C3" t="b"><v>1</v></c><c r="D3" t="e"><v>#N/A</v></c><c r="E3" t="str"><f>A1</f><v>=x</v></c><c r="F3"><v>0.30000000000000004</v></c></row></sheetData></worksheet>', {
    'xl/sharedStrings.xml': '<sst><si><t>zero</t></si><si><r><t>sha</t></r><r><t xml:space="preserve">red </t></r><rPh><t>no</t></rPh></si></sst>',
    'xl/styles.xml': '<styleSheet><numFmts><numFmt numFmtId="200" formatCode="yyyy\\-mm\\-dd hh:mm"/></numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/><xf numFmtId="10"/></cellXfs></styleSheet>',
  });
  assert.deepEqual(rows, [['shared ', '', 'inline'], [], ['2025-12-09 12:00:00', '12.5%', 'TRUE', '#N/A', '=x', '0.3']]);
  assert.equal(columns, 6);
  assert.equal(more, false);
});

test('only what is shown is read', async () => {
  const sheet = `<worksheet><sheetData>${Array.from({length: 3000}, (_, row) => `<row r="${row + 1}"><c t="s"><v>${row}</v></c></row>`).join('')}`;
  const {rows, more} = await rowsOf(sheet, {'xl/sharedStrings.xml': `<sst>${Array.from({length: 3000}, (_, row) => `<si><t>t${row}</t></si>`).join('')}` }, 11);
  assert.equal(rows.length, 11);
  assert.ok(more);
  assert.equal(rows[10][0], 't10');
});

test('hostile workbooks cost little and run nothing', async () => {
  // A row far below, a column far to the right, names of every object's members.
  const {rows, columns, more} = await rowsOf('<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>__proto__</v></c><c r="XFD1"><v>1</v></c></row><row r="1048576"><c r="A1048576"><v>2</v></c></row></sheetData></worksheet>');
  assert.ok(more && rows.length === 1 && rows[0].length <= 200 && columns > 16_000);
  assert.equal({}.polluted, undefined);
  await assert.rejects(rowsOf('<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'), /document type/);
  await assert.rejects(openWorkbook(new Uint8Array(100)), /not a ZIP/);
  await assert.rejects(openWorkbook(zip({'x.txt': 'x'})), /no workbook/);
  // A megabyte that unpacks to 300 of them is not read to its end.
  await assert.rejects(rowsOf(`<worksheet>${' '.repeat(300 << 20 >> 4)}`.padEnd(270 << 20, ' ')), /too large/);
});

test('number formats have kinds', () => {
  for (const [code, want] of [['General', 'number'], ['0.00', 'number'], ['dd/mm/yyyy', 'date'], ['mmm-yy', 'date'], ['h:mm AM/PM', 'time'], ['mm:ss', 'time'], ['[h]:mm', 'span'], ['0%', 'percent'], ['"day "0', 'number'], ['[Red]0.0;[Blue]-0.0', 'number'], ['yyyy-mm-dd hh:mm', 'moment'], ['#,##0 "m"', 'number']]) assert.equal(formatKind(code), want, code);
});

test('values are shown as spreadsheets have them', () => {
  const base = Date.UTC(1899, 11, 30);
  for (const [type, text, kind, want] of [['n', '46000', 'date', '2025-12-09'], ['n', '0.5', 'time', '12:00:00'], ['n', '1.5', 'span', '36:00:00'], ['n', '0.07', 'percent', '7%'], ['n', '1E+20', 'number', '100000000000000000000'], ['n', 'x', 'date', 'x'], ['n', '1e9', 'date', '1000000000'], ['d', '2026-11-29T10:00:00', 'number', '2026-11-29 10:00:00'], ['b', '0', 'number', 'FALSE']]) {
    assert.equal(shownCell(type, text, kind, base), want, `${text} ${kind}`);
  }
  assert.deepEqual(['A1', 'Z9', 'AA1', 'XFD1', ''].map(columnOf), [0, 25, 26, 16383, -1]);
});

test('a formula without a stored value is shown as one; with a value, the value is', async () => {
  const cells = ['<c r="A1"><f>SUM(B1:C1)</f><v></v></c>', '<c r="B1"><f>1&lt;2</f><v/></c>', '<c r="C1"><f t="shared" si="0"/></c>', '<c r="D1" t="str"><f>""</f><v></v></c>', '<c r="E1" t="str"><f>X()</f></c>', '<c r="F1"><f>6*7</f><v>42</v></c>', '<c r="G1"><v>7</v></c>'];
  const {rows, uncomputed, columns} = await rowsOf(`<worksheet><sheetData><row r="1">${cells.join('')}</row></sheetData></worksheet>`);
  assert.deepEqual(rows, [['=SUM(B1:C1)', '=1<2', '=…', '', '=X()', '42', '7']]);
  assert.deepEqual([...uncomputed], ['0 0', '0 1', '0 2', '0 4']);
  assert.equal(columns, 7);
});

test('a full sheet of texts that are all different is read', async () => {
  const [height, width] = [1000, 200];
  const sheet = Array.from({length: height}, (_, row) => `<row>${Array.from({length: width}, (__, column) => `<c t="s"><v>${row * width + column}</v></c>`).join('')}</row>`).join('');
  const {rows} = await rowsOf(`<worksheet><sheetData>${sheet}</sheetData></worksheet>`, {'xl/sharedStrings.xml': `<sst>${Array.from({length: height * width}, (_, number) => `<si><t>t${number}</t></si>`).join('')}</sst>`});
  assert.equal(rows[height - 1][width - 1], `t${height * width - 1}`);
});

test('cells are written as the reader writes', async () => {
  const words = {comma: true, yes: 'VERDADEIRO', no: 'FALSO'};
  const workbook = await openWorkbook(book('<worksheet><sheetData><row><c><v>1234.5</v></c><c t="b"><v>1</v></c><c t="b"><v>0</v></c><c s="1"><v>0.125</v></c><c t="str"><v>1.5</v></c></row></sheetData></worksheet>', {
    'xl/styles.xml': '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="10"/></cellXfs></styleSheet>'}), {words});
  assert.deepEqual((await workbook.read(0, 10)).rows, [['1234,5', 'VERDADEIRO', 'FALSO', '12,5%', '1.5']]);
});

test('a workbook whose parts are UTF-16 is read', async () => {
  const wide = (text) => [0xff, 0xfe, ...Buffer.from(text, 'utf16le')];
  const parts = {'xl/workbook.xml': '<workbook xmlns:r="r"><sheets><sheet name="São" sheetId="1" r:id="rId1"/></sheets></workbook>', 'xl/_rels/workbook.xml.rels': '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>', 'xl/worksheets/sheet1.xml': '<worksheet><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>'};
  const script = 'import io,json,sys,zipfile\nb=io.BytesIO()\nz=zipfile.ZipFile(b,"w")\n[z.writestr(n,bytes(t)) for n,t in json.load(sys.stdin).items()]\nz.close()\nsys.stdout.buffer.write(b.getvalue())';
  const bytes = execFileSync('python3', ['-c', script], {input: JSON.stringify(Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, wide(text)])))});
  const workbook = await openWorkbook(new Uint8Array(bytes));
  assert.equal(workbook.sheets[0].name, 'São');
  assert.deepEqual((await workbook.read(0, 10)).rows, [['1']]);
});
