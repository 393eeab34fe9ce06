// A workbook and a PDF for the small server.
const CONTENT = '<?xml version="1.0" encoding="UTF-8"?>';
const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';

// zip(files): the bytes of an archive.
export function workbook(zip) {
  const texts = ['week', 'store', 'demand', 'share', 'North & "South"', '=HYPERLINK("http://x")'];
  const row = (number) => `<row r="${number}"><c r="A${number}" s="1"><v>${46_000 + number * 7}</v></c><c r="B${number}" t="s"><v>${4 + (number % 2)}</v></c><c r="C${number}"><v>${(900 + 300 * Math.sin(number / 9)).toFixed(2)}</v></c><c r="D${number}" s="2"><v>${((number % 40) / 40).toFixed(3)}</v></c></row>`;
  return zip({
    '[Content_Types].xml': `${CONTENT}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
    'xl/workbook.xml': `${CONTENT}<workbook xmlns="${MAIN}" xmlns:r="${RELATIONS}"><sheets><sheet name="Forecast" sheetId="1" r:id="rId1"/><sheet name="Notes" sheetId="2" state="hidden" r:id="rId2"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${CONTENT}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
    'xl/sharedStrings.xml': `${CONTENT}<sst xmlns="${MAIN}">${texts.map((text) => `<si><t>${text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}</t></si>`).join('')}</sst>`,
    'xl/styles.xml': `${CONTENT}<styleSheet xmlns="${MAIN}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="10"/></cellXfs></styleSheet>`,
    'xl/worksheets/sheet1.xml': `${CONTENT}<worksheet xmlns="${MAIN}"><sheetData><row r="1">${['A', 'B', 'C', 'D'].map((column, index) => `<c r="${column}1" t="s"><v>${index}</v></c>`).join('')}</row>${Array.from({length: 1500}, (_, index) => row(index + 2)).join('')}</sheetData></worksheet>`,
    'xl/worksheets/sheet2.xml': `${CONTENT}<worksheet xmlns="${MAIN}"><sheetData><row><c t="inlineStr"><is><r><t>made </t></r><r><t>by hand</t></r></is></c><c t="b"><v>1</v></c></row></sheetData></worksheet>`,
  });
}

export function pdf() {
  const parts = ['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[3 0 R]/Count 1>>', '<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>',
    '<</Length 44>>stream\nBT /F1 24 Tf 40 100 Td (Forecast report) Tj ET\nendstream', '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>'];
  let text = '%PDF-1.4\n';
  const places = parts.map((part, index) => {
    const place = text.length;
    text += `${index + 1} 0 obj${part}endobj\n`;
    return place;
  });
  const start = text.length;
  return `${text}xref\n0 ${parts.length + 1}\n0000000000 65535 f \n${places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('')}trailer<</Size ${parts.length + 1}/Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`;
}
