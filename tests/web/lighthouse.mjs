// Prints what Lighthouse says of the page as JSON: {view: {category: score of 0 to 1}, …, missed: [audit]}. Called by figures.py:
//   node lighthouse.mjs FOLDER CHROMIUM SITE IDENTITY
// FOLDER: where `npm install lighthouse` was run. IDENTITY: JSON of who is signed in.
import {pathToFileURL} from 'node:url';
import {createRequire} from 'node:module';

const [folder, executablePath, site, identity] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const {default: lighthouse, desktopConfig} = await import(pathToFileURL(require.resolve('lighthouse')));
const {default: puppeteer} = await import(pathToFileURL(require.resolve('puppeteer-core')));
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

const found = {};
const missed = new Set();
const browser = await puppeteer.launch({executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server']});
for (const [view, fragment, who] of [['sign in', '', null], ['jobs', '#/jobs', identity], ['new job', '#/submit', identity]]) {
  for (const [form, config] of [['desktop', desktopConfig], ['phone', undefined]]) {
    const page = await browser.newPage();
    await page.evaluateOnNewDocument((kept) => {
      if (kept && location.protocol.startsWith('http')) sessionStorage.setItem('vbrain.identity', kept);
    }, who);
    const {lhr} = await lighthouse(`${site}/${fragment}`, {onlyCategories: CATEGORIES, disableStorageReset: true, maxWaitForLoad: 30_000}, config, page);
    if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
    found[`${view}, ${form}`] = Object.fromEntries(CATEGORIES.map((name) => [name, lhr.categories[name].score]));
    for (const name of CATEGORIES) {
      for (const {id, weight} of lhr.categories[name].auditRefs) if (weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 0.9) missed.add(`${view}, ${form}: ${id} (${lhr.audits[id].displayValue ?? lhr.audits[id].title})`);
    }
    await page.close();
  }
}
await browser.close();
console.log(JSON.stringify({...found, missed: [...missed]}));
