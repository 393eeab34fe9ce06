// Workbooks of npm's writers: workbooks.js FOLDER. Run by make.sh.
'use strict';
const path = require('path');
const ExcelJS = require('exceljs');
const XLSX = require('xlsx');

const out = (name) => path.join(process.argv[2], name);

async function all() {
  const book = new ExcelJS.Workbook();
  book.addWorksheet('1').addRow(['açaí', 2]);
  await book.xlsx.writeFile(out('exceljs.xlsx'));

  const streamed = new ExcelJS.stream.xlsx.WorkbookWriter({ filename: out('exceljs-stream.xlsx') });
  streamed.addWorksheet('1').addRow(['açaí', 2]).commit();
  await streamed.commit();

  const sheets = XLSX.utils.book_new();
  XLSX.utils.book_append_sheet(sheets, XLSX.utils.aoa_to_sheet([['açaí', 2]]), '1');
  XLSX.writeFile(sheets, out('sheetjs.xlsx'));
  XLSX.writeFile(sheets, out('sheetjs-compressed.xlsx'), { compression: true });
}
all();
