// Bars over time, each of one or more parts. Few and plain, so they are drawn as SVG, and are read out as a table.
import {html} from '../dom.js';
import {ticks} from '../preview/plot.js';

const HEIGHT = 170;
const EDGE = {left: 44, right: 6, top: 10, bottom: 24};

const SECOND = 1000;
const UNITS = [[86_400 * SECOND, 'd'], [3600 * SECOND, 'h'], [60 * SECOND, 'min'], [SECOND, 's']];

// Round values at the axis, with their texts. unit: 'time' (milliseconds) or 'whole'.
function axisOf(most, unit, text) {
  if (unit !== 'time') return ticks(0, most, 3).filter(Number.isInteger).map((value) => ({value, label: text(value)}));
  const [size, name] = UNITS.find(([one]) => most >= 2 * one) ?? UNITS.at(-1);
  return ticks(0, most / size, 3).map((value) => ({value: value * size, label: `${value} ${name}`}));
}

// bars: [{label, parts: {name: value}}]; names: of the parts, from below; text(value): a value in words; titleOf(name).
export function Bars({bars, names, text, title, titleOf, every, unit}) {
  const sum = ({parts}) => names.reduce((total, name) => total + (parts[name] ?? 0), 0);
  const most = Math.max(...bars.map(sum), unit === 'time' ? SECOND : 1);  // nothing but zeros has an axis too
  const lines = axisOf(most, unit, text);
  // It is scaled to its place; on a narrow screen it has fewer units, so that its text stays readable.
  const width = innerWidth < 620 ? 320 : 480;
  const step = (width - EDGE.left - EDGE.right) / bars.length;
  const toY = (value) => HEIGHT - EDGE.bottom - (value / most) * (HEIGHT - EDGE.top - EDGE.bottom);
  const wide = Math.max(2, step - Math.max(2, step * 0.25));
  const part = (bar, index) => {
    let from = 0;
    return names.map((name) => {
      const value = bar.parts[name] ?? 0;
      const top = toY(from + value);
      const height = toY(from) - top;
      from += value;
      return value > 0 && html`<rect key=${name} class=${`bar-${name}`} x=${EDGE.left + index * step + (step - wide) / 2} y=${top} width=${wide} height=${Math.max(1, height)} rx="2"><title>${`${bar.label}: ${titleOf(name)} ${text(value)}`}</title></rect>`;
    });
  };
  return html`<figure class="bars"><figcaption>${title}</figcaption>
    <svg viewBox=${`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
      ${lines.map(({value, label}) => html`<g key=${value}><line class="plot-grid" x1=${EDGE.left} x2=${width - EDGE.right} y1=${toY(value)} y2=${toY(value)} /><text x=${EDGE.left - 6} y=${toY(value) + 4} text-anchor="end">${label}</text></g>`)}
      ${bars.map(part)}
      ${bars.map(({label}, index) => index % every === 0 && html`<text key=${index} x=${EDGE.left + (index + 0.5) * step} y=${HEIGHT - 7} text-anchor="middle">${label}</text>`)}
    </svg>
    <div class="unseen"><table><thead><tr><th scope="col">${title}</th>${names.map((name) => html`<th key=${name} scope="col">${titleOf(name)}</th>`)}</tr></thead>
      <tbody>${bars.map((bar, index) => html`<tr key=${index}><th scope="row">${bar.label}</th>${names.map((name) => html`<td key=${name}>${bar.parts[name] === null || bar.parts[name] === undefined ? '–' : text(bar.parts[name])}</td>`)}</tr>`)}</tbody></table></div></figure>`;
}
