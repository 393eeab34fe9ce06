// A plot of two columns, as points or as a line.
import {html, useState} from '../dom.js';
import {extent, scale, ticks} from '../preview/plot.js';
import {useApp} from './context.js';

const EDGE = {left: 56, right: 16, top: 14, bottom: 34};
const MOST_MARKS = 400;

// names: of the columns; numbers: which have numbers; points(x, y): [{x, y}], x null for the number of the row.
export function Plot({names, numbers, points, first}) {
  const {t, format} = useApp();
  const usable = names.map((name, index) => ({name, index})).filter(({index}) => numbers[index]);
  const [x, setX] = useState(first?.x ?? null);
  const [y, setY] = useState(first?.y ?? usable.find(({index}) => index !== first?.x)?.index ?? usable[0]?.index);
  const [line, setLine] = useState(true);
  if (usable.length === 0) return html`<p class="hint">${t('plot.no_numbers')}</p>`;
  const data = points(x, y);
  const drawn = line ? [...data].sort((left, right) => left.x - right.x) : data;
  return html`<div class="plot">
    <div class="bar-row">
      <label class="check">${t('plot.x')} <select value=${x ?? ''} onChange=${(event) => setX(event.target.value === '' ? null : Number(event.target.value))}><option value="">${t('plot.row')}</option>${usable.map(({name, index}) => html`<option key=${index} value=${index}>${name}</option>`)}</select></label>
      <label class="check">${t('plot.y')} <select value=${y} onChange=${(event) => setY(Number(event.target.value))}>${usable.map(({name, index}) => html`<option key=${index} value=${index}>${name}</option>`)}</select></label>
      <div class="segments" role="group" aria-label=${t('plot.title')}><button type="button" aria-pressed=${String(line)} onClick=${() => setLine(true)}>${t('plot.line')}</button><button type="button" aria-pressed=${String(!line)} onClick=${() => setLine(false)}>${t('plot.points')}</button></div>
    </div>
    ${data.length === 0 ? html`<p class="hint">${t('plot.no_numbers')}</p>` : html`<${Drawing} data=${drawn} line=${line} label=${t('plot.label', {y: names[y], x: x === null ? t('plot.row') : names[x], count: format.number(data.length)})} />`}
  </div>`;
}

function Drawing({data, line, label}) {
  const {format} = useApp();
  // The drawing is scaled to its place; on a narrow screen it has fewer units, so that its text stays readable.
  const narrow = innerWidth < 620;
  const width = narrow ? 380 : 760;
  const height = narrow ? 240 : 320;
  const [leastX, mostX] = extent(data.map((point) => point.x));
  const [leastY, mostY] = extent(data.map((point) => point.y));
  const toX = scale(leastX, mostX, EDGE.left, width - EDGE.right);
  const toY = scale(leastY, mostY, height - EDGE.bottom, EDGE.top);
  const path = data.map(({x, y}, index) => `${index ? 'L' : 'M'}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`).join('');
  return html`<svg class="drawing" viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    ${ticks(leastY, mostY).map((value) => html`<g key=${`y${value}`}><line class="plot-grid" x1=${EDGE.left} x2=${width - EDGE.right} y1=${toY(value)} y2=${toY(value)} /><text x=${EDGE.left - 8} y=${toY(value) + 4} text-anchor="end">${format.short(value)}</text></g>`)}
    ${ticks(leastX, mostX, narrow ? 4 : 7).map((value) => html`<text key=${`x${value}`} x=${toX(value)} y=${height - EDGE.bottom + 20} text-anchor="middle">${format.short(value)}</text>`)}
    ${line && html`<path class="plot-line" d=${path} />`}
    ${(!line || data.length <= 60) && data.slice(0, line ? 60 : MOST_MARKS * 5).map(({x, y}, index) => html`<circle key=${index} class="plot-point" cx=${toX(x)} cy=${toY(y)} r=${line ? 2.5 : 3.5} />`)}
  </svg>`;
}
