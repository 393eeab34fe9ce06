// What holds for the files of the page as a whole.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test from 'node:test';
import {gzipSync} from 'node:zlib';
import {isLater, modules, renderPage} from '../assemble.mjs';

const WEB = new URL('../', import.meta.url);
const read = (name) => readFileSync(new URL(name, WEB), 'utf8');
const own = modules().filter((name) => !name.startsWith('vendor/'));

test('the page has nothing that its policy forbids', () => {
  const page = renderPage();
  assert.ok(!/<script>|<style|style=|\son\w+=|javascript:|https?:/i.test(page));
  for (const name of own) {
    const text = read(`js/${name}`).replace(/^\s*\/\/.*$/gm, '');
    assert.ok(!/\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML/.test(text), name);
    assert.ok(!/https?:\/\//.test(text), `${name} names an address`);
  }
});

test('every import leads to a file', () => {
  const all = new Set(modules());
  for (const name of all) {
    for (const [, target] of read(`js/${name}`).matchAll(/(?:^|;)\s*(?:import|export)\b[^'";]*\bfrom\s*['"]([^'"]+)['"]/gm)) {
      const path = new URL(target, new URL(`js/${name}`, WEB)).pathname.slice(new URL('js/', WEB).pathname.length);
      assert.ok(all.has(path), `${name}: ${target}`);
    }
  }
});

test('what is loaded when it is needed is not named in the page, and is asked for there only', () => {
  const page = renderPage();
  const later = modules().filter(isLater);
  assert.ok(later.includes('vendor/later/uplot.js') && later.includes('preview/later/xlsx.js'));
  for (const name of later) assert.ok(!page.includes(name), name);
  for (const name of modules().filter((one) => !isLater(one))) {
    assert.ok(page.includes(`web/js/${name}"`), name);
    assert.ok(!/^import .*later\//m.test(read(`js/${name}`)), name);
    for (const [, target] of read(`js/${name}`).matchAll(/\bimport\('([^']+)'\)/g)) assert.ok(later.includes(new URL(target, new URL(`js/${name}`, WEB)).pathname.slice(new URL('js/', WEB).pathname.length)), target);
  }
});

test('the first view is at most 250 kB, packed', () => {
  const texts = [renderPage(), ...modules().filter((name) => !isLater(name)).map((name) => read(`js/${name}`)), ...[...renderPage().matchAll(/href="web\/(css\/[^"]+)"/g)].map(([, name]) => read(name))];
  assert.ok(texts.reduce((sum, text) => sum + gzipSync(text, {level: 9}).length, 0) <= 250_000);
});

test('drawing is in view/ only; no file there asks the server by itself', () => {
  for (const name of own) {
    const text = read(`js/${name}`);
    if (!name.startsWith('view/') && !['main.js', 'dom.js'].includes(name)) assert.ok(!text.includes('dom.js'), `${name} draws`);
    if (name.startsWith('view/') && name !== 'view/sign_in.js') assert.ok(!/\bfetch\(/.test(text), `${name} asks`);
    assert.ok(text.split('\n').length < 450, `${name} is long`);
  }
});

// Contrast by WCAG 2.2.
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((left, right) => left - right);
  return (light + 0.05) / (dark + 0.05);
}

// The two values of each light-dark().
function themes(css) {
  const pairs = [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)];
  return [2, 3].map((at) => Object.fromEntries(pairs.map((found) => [found[1], found[at]])));
}

test('text has the contrast of WCAG AA in both themes', () => {
  const [light, dark] = themes(read('css/base.css'));
  for (const theme of [light, dark]) {
    assert.ok(Object.keys(theme).length > 15);
    for (const ground of ['ground', 'surface', 'sunken']) {
      for (const ink of ['ink', 'muted', 'accent', 'queued', 'started', 'finished', 'failed', 'magenta', 'cyan']) {
        assert.ok(contrast(theme[ink], theme[ground]) >= 4.5, `${ink} on ${ground}: ${contrast(theme[ink], theme[ground])}`);
      }
      assert.ok(contrast(theme['line-strong'], theme[ground]) >= 3, `borders on ${ground}: ${contrast(theme['line-strong'], theme[ground])}`);
    }
    for (const name of ['queued', 'started', 'finished', 'failed']) assert.ok(contrast(theme[name], theme[`${name}-soft`]) >= 4.5, name);
    assert.ok(contrast(theme['accent-ink'], theme.accent) >= 4.5);
    for (const name of ['queued', 'accent', 'finished', 'failed']) assert.ok(contrast(theme.ink, theme[`${name}-soft`]) >= 4.5);
    assert.ok(contrast(theme.surface, theme.failed) >= 4.5);
    assert.ok(contrast(theme.started, theme['accent-soft']) >= 4.5);
    assert.ok(contrast(theme.accent, theme['accent-soft']) >= 4.5);
  }
});
