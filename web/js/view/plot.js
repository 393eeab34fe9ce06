// A plot of two columns, as points or as a line. It is drawn by uPlot, which is loaded when the first plot is wanted.
import {html, useEffect, useRef, useState} from '../dom.js';
import {extent} from '../preview/plot.js';
import {useApp, useStore} from './context.js';

// names: of the columns; numbers: which have numbers; points(x, y): [{x, y}], x null for the number of the row. reading: how they were read
// out of the cells; with another one it is drawn anew.
export function Plot({names, numbers, points, first, reading = ''}) {
  const {t, format} = useApp();
  const usable = names.map((name, index) => ({name, index})).filter(({index}) => numbers[index]);
  const [x, setX] = useState(first?.x ?? null);
  const [y, setY] = useState(first?.y ?? usable.find(({index}) => index !== first?.x)?.index ?? usable[0]?.index);
  const [line, setLine] = useState(true);
  if (usable.length === 0) return html`<p class="hint">${t('plot.no_numbers')}</p>`;
  const data = usable.some(({index}) => index === y) ? [...points(x, y)].sort((left, right) => left.x - right.x) : [];
  const nameX = x === null ? t('plot.row') : names[x];
  const [least, most] = extent(data.map((point) => point.y));
  const label = `${t('plot.label', {y: names[y], x: nameX, count: format.number(data.length)})} ${t('plot.extent', {least: format.short(least), most: format.short(most)})}`;
  return html`<div class="plot">
    <div class="bar-row">
      <label class="check">${t('plot.x')} <select value=${x ?? ''} onChange=${(event) => setX(event.target.value === '' ? null : Number(event.target.value))}><option value="">${t('plot.row')}</option>${usable.map(({name, index}) => html`<option key=${index} value=${index}>${name}</option>`)}</select></label>
      <label class="check">${t('plot.y')} <select value=${y} onChange=${(event) => setY(Number(event.target.value))}>${usable.map(({name, index}) => html`<option key=${index} value=${index}>${name}</option>`)}</select></label>
      <div class="segments" role="group" aria-label=${t('plot.title')}><button type="button" aria-pressed=${String(line)} onClick=${() => setLine(true)}>${t('plot.line')}</button><button type="button" aria-pressed=${String(!line)} onClick=${() => setLine(false)}>${t('plot.points')}</button></div>
    </div>
    ${data.length === 0 ? html`<p class="hint">${t('plot.no_numbers')}</p>` : html`<${Drawing} data=${data} line=${line} label=${label} nameX=${nameX} nameY=${names[y]} reading=${reading} />`}
  </div>`;
}

const MARKED = 80;  // a line with fewer values has its points marked

function Drawing({data, line, label, nameX, nameY, reading}) {
  const {t, format, settings} = useApp();
  const {theme} = useStore(settings);
  const box = useRef(null);
  const readout = useRef(null);
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  const [failed, setFailed] = useState(false);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const turn = () => setDark(media.matches);
    media.addEventListener('change', turn);
    return () => media.removeEventListener('change', turn);
  }, []);
  const key = `${line} ${nameX} ${nameY} ${reading} ${data.length} ${data[0].x} ${data[0].y} ${data.at(-1).x} ${data.at(-1).y}`;
  useEffect(() => {
    let plot = null;
    let gone = false;
    const resized = new ResizeObserver(() => box.current && plot?.setSize(sizeOf(box.current)));
    import('../vendor/later/uplot.js').then(({default: UPlot}) => {
      if (gone) return;
      setFailed(false);
      plot = new UPlot(optionsOf({box: box.current, line, count: data.length, format, UPlot, onPoint: (x, y) => {
        readout.current.textContent = x === null ? '\u00a0' : `${nameX}: ${format.exactNumber(x)} · ${nameY}: ${format.exactNumber(y)}`;
      }}), [data.map((point) => point.x), data.map((point) => point.y)], box.current);
      resized.observe(box.current);
    }, () => !gone && setFailed(true));
    return () => {
      gone = true;
      resized.disconnect();
      plot?.destroy();
    };
  }, [key, theme, dark, format, round]);
  return html`<div class="drawing" ref=${box} role="img" aria-label=${label}></div>
    ${failed && html`<p class="field-error" role="alert">${t('plot.not_loaded')} <button type="button" class="button small" onClick=${() => setRound(round + 1)}>${t('common.retry')}</button></p>`}
    <p class="hint readout" ref=${readout} aria-hidden="true">${'\u00a0'}</p>`;
}

const sizeOf = (box) => ({width: Math.max(200, box.clientWidth), height: box.clientWidth < 560 ? 240 : 320});

function optionsOf({box, line, count, format, UPlot, onPoint}) {
  // The colours of the theme, from properties that the browser has computed: a canvas knows no variables.
  const style = getComputedStyle(box);
  const [ink, accent, grid] = [style.color, style.caretColor, style.borderTopColor];
  const axis = {stroke: ink, font: '12px system-ui, sans-serif', grid: {stroke: grid, width: 1}, ticks: {stroke: grid, width: 1, size: 4}, values: (_, splits) => splits.map((value) => (value === null ? '' : format.short(value)))};
  return {
    ...sizeOf(box),
    legend: {show: false},
    scales: {x: {time: false}},
    padding: [14, 24, 0, 0],
    axes: [{...axis, grid: {show: false}, size: 34}, {...axis, size: 62}],
    cursor: {y: false, points: {size: 8, fill: accent, stroke: accent}},
    series: [{}, {stroke: accent, width: 1.8, fill: undefined, paths: line ? UPlot.paths.linear() : () => null, points: {show: !line || count <= MARKED, size: line ? 5 : 7, stroke: accent, fill: accent}}],
    hooks: {setCursor: [(plot) => onPoint(plot.cursor.idx === null || plot.cursor.idx === undefined ? null : plot.data[0][plot.cursor.idx], plot.data[1][plot.cursor.idx ?? 0])]},
  };
}
