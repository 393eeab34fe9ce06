// index.html with a line for each module, so that the browser asks for all of them at once and not one after the other. Those in a
// folder `later` are loaded when they are needed.
// The build does the same (api-server/openapi/embed.py).
import {readdirSync, readFileSync} from 'node:fs';

const WEB = new URL('./', import.meta.url);

export function modules() {
  return readdirSync(new URL('js/', WEB), {recursive: true}).map((name) => name.replaceAll('\\', '/')).filter((name) => name.endsWith('.js')).sort();
}

export const isLater = (name) => name.split('/').includes('later');

export function renderPage() {
  const lines = modules().filter((name) => !isLater(name)).map((name) => `<link rel="modulepreload" href="web/js/${name}">`).join('\n');
  return readFileSync(new URL('index.html', WEB), 'utf8').replace('<!-- modules -->', lines);
}
