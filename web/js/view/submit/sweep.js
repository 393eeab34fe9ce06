// Many jobs in one submission: a grid of values, or a pasted list; how many they are, and the first of them.
import {html, useMemo, useRef, useState} from '../../dom.js';
import {leaves, pathOf, pointerOf} from '../../form/schema.js';
import {decodeText} from '../../preview/decode.js';
import {readParams} from '../../form/value.js';
import {previewColumns, rowFaults} from '../../sweep/check.js';
import {aboutIn, gridRows, MOST_JOBS} from '../../sweep/grid.js';
import {listRows} from '../../sweep/list.js';
import {useApp} from '../context.js';
import {EncodingNote} from '../files.js';
import {Choice} from '../parts.js';

const MOST_TEXT = 4 << 20;  // bytes of a list that is read from a file
const newAxis = () => ({path: [''], mode: 'values', text: '', first: '', last: '', step: ''});
export const emptySweep = {mode: 'grid', axes: [newAxis()], text: ''};

// {rows, count, faults, fault, rowFaults, ready, shownCount} of what is filled in.
export function useSweep({fields, schema, inherited}) {
  const {format} = useApp();
  const {many, sweep, params} = fields;
  return useMemo(() => {
    if (!many) return {rows: [], count: 0, faults: [], fault: null, ready: false, shownCount: '0'};
    const base = readParams(params).value ?? {};
    const aboutOf = (path) => (schema ? aboutIn(schema, path) : undefined);
    const made = sweep.mode === 'grid' ? {fault: null, ...gridRows(sweep.axes, base, aboutOf, format.comma)} : {faults: [], ...listRows(sweep.text, base, aboutOf)};
    return {...made, wrong: schema ? rowFaults(schema, made.rows, inherited) : {count: 0, first: []}, ready: made.rows.length > 0, shownCount: format.number(made.rows.length)};
  }, [many, sweep, params, schema, inherited, format]);
}

export function Sweep({fields, set, sweep, schema}) {
  const {t, format} = useApp();
  const given = fields.sweep;
  const change = (part) => set({sweep: {...given, ...part}});
  const tooMany = sweep.count > MOST_JOBS;
  return html`<section class="sweep" aria-labelledby="sweep-title"><div class="bar-row"><h2 id="sweep-title">${t('sweep.title')}</h2><span class="grow"></span>
      <${Choice} plain=${true} label=${t('sweep.how')} values=${['grid', 'list']} current=${given.mode} text=${(mode) => t(`sweep.${mode}`)} onChange=${(mode) => change({mode})} /></div>
    ${given.mode === 'grid' ? html`<${Grid} axes=${given.axes} faults=${sweep.faults} schema=${schema} onChange=${(axes) => change({axes})} />` : html`<${Pasted} text=${given.text} fault=${sweep.fault} onChange=${(text) => change({text})} />`}
    <p class=${tooMany ? 'field-error' : 'sweep-count'} role="status">${tooMany ? t('sweep.too_many', {count: format.number(sweep.count), most: format.number(MOST_JOBS)}) : sweep.rows.length ? t('sweep.count', {count: format.number(sweep.rows.length)}) : t('sweep.none')}</p>
    ${sweep.wrong?.count > 0 && html`<div class="field-error"><p>${t('sweep.wrong', {count: format.number(sweep.wrong.count)})}</p>
      <ul>${sweep.wrong.first.map(({row, fault}) => html`<li>${t('sweep.row', {row: format.number(row + 1)})} ${pathOf(fault.pointer).join(' › ')}: ${t(`form.${fault.code}`, fault.values)}</li>`)}</ul></div>`}
    ${sweep.rows.length > 0 && html`<${Preview} rows=${sweep.rows} />`}</section>`;
}

function Preview({rows}) {
  const {t, format} = useApp();
  const columns = useMemo(() => previewColumns(rows), [rows]);
  const shown = columns[0]?.cells.length ?? 0;
  return html`<div class="sheet sweep-preview" tabindex="0" role="region" aria-label=${t('sweep.preview')}><table><thead><tr><th class="row-number" scope="col"><span class="unseen">#</span></th>${columns.map(({name}) => html`<th key=${name} scope="col" dir="auto">${name}</th>`)}</tr></thead>
    <tbody>${Array.from({length: shown}, (_, row) => html`<tr key=${row}><td class="row-number">${row + 1}</td>${columns.map(({name, cells}) => html`<td key=${name} dir="auto">${cells[row]}</td>`)}</tr>`)}</tbody></table></div>
    ${rows.length > shown && html`<p class="hint">${t('tree.more', {count: format.number(rows.length - shown)})}</p>`}`;
}

const textOfFault = (t, format, {fault, count}) => t(`sweep.fault_${fault}`, {count: format.number(count ?? 0)});

function Grid({axes, faults, schema, onChange}) {
  const {t} = useApp();
  const known = useMemo(() => (schema ? leaves(schema, schema) : []), [schema]);
  const box = useRef(null);
  const put = (at, part) => onChange(axes.map((axis, index) => (index === at ? {...axis, ...part} : axis)));
  const add = () => {
    onChange([...axes, newAxis()]);
    requestAnimationFrame(() => box.current?.querySelector('.axis:last-of-type :is(select, input)')?.focus());
  };
  const remove = (at) => {
    onChange(axes.filter((_, index) => index !== at));
    requestAnimationFrame(() => box.current?.querySelector('.add-axis')?.focus());
  };
  return html`<div class="axes" ref=${box}>${axes.map((axis, at) => html`<${Axis} key=${at} at=${at} axis=${axis} known=${known} schema=${schema} fault=${faults.find(({axis: wrong}) => wrong === at)} put=${(part) => put(at, part)} remove=${axes.length > 1 ? () => remove(at) : null} />`)}
    <button type="button" class="button small add-axis" onClick=${add}>${t('sweep.add')}</button></div>`;
}

function Axis({at, axis, known, schema, fault, put, remove}) {
  const {t, format} = useApp();
  const id = `axis-${at}`;
  const begun = axis.mode === 'range' ? axis.first || axis.last || axis.step : axis.text;
  const shown = fault && (begun || fault.fault === 'twice') ? textOfFault(t, format, fault) : '';
  const about = schema ? aboutIn(schema, axis.path) : undefined;
  const ranged = !about || about.kind === 'number';
  const input = (name, label, more = {}) => html`<div class="field"><label for=${`${id}-${name}`}>${label}</label><input id=${`${id}-${name}`} value=${axis[name]} autocomplete="off" inputmode=${name === 'text' ? undefined : 'decimal'} aria-invalid=${shown ? 'true' : undefined} aria-describedby=${shown ? `${id}-error` : undefined}
    onInput=${(event) => put({[name]: event.target.value})} ...${more} /></div>`;
  const choose = (path) => put({path, mode: schema && aboutIn(schema, path)?.kind !== 'number' ? 'values' : axis.mode, ...exampleOf(schema && aboutIn(schema, path))});
  return html`<fieldset class="axis"><legend class="unseen">${t('sweep.axis', {place: at + 1})}</legend>
    <div class="field axis-name"><label for=${`${id}-name`}>${t('sweep.param')}</label>${known.length ? html`<select id=${`${id}-name`} value=${axis.path[0] === '' ? '' : pointerOf(axis.path)} onChange=${(event) => choose(event.target.value === '' ? [''] : pathOf(event.target.value))}><option value="">${t('form.choose')}</option>
        ${known.map(({path}) => html`<option key=${pointerOf(path)} value=${pointerOf(path)}>${path.join('.')}</option>`)}</select>`
      : html`<input id=${`${id}-name`} value=${axis.path.join('.')} spellcheck=${false} autocomplete="off" onInput=${(event) => put({path: event.target.value.split('.')})} />`}</div>
    ${ranged && html`<${Choice} plain=${true} label=${t('sweep.by')} values=${['values', 'range']} current=${axis.mode} text=${(mode) => t(`sweep.${mode}`)} onChange=${(mode) => put({mode})} />`}
    ${axis.mode === 'range' && ranged ? html`<div class="axis-range">${input('first', t('sweep.begin'))}${input('last', t('sweep.end'))}${input('step', t('sweep.step'))}</div>`
      : html`<div class="axis-values">${input('text', t('sweep.values_label'), {placeholder: format.comma ? '0,1; 0,2; 0,5' : '0.1, 0.2, 0.5', spellcheck: false})}</div>`}
    ${remove && html`<button type="button" class="button small quiet axis-remove" aria-label=${t('sweep.remove', {place: at + 1})} onClick=${remove}>×</button>`}
    ${shown && html`<p class="field-error" id=${`${id}-error`}>${shown}</p>`}</fieldset>`;
}

// A choice or a switch begins with all its values.
function exampleOf(about) {
  if (about?.kind === 'choice') return {text: about.options.map(({label}) => label).join('; ')};
  if (about?.kind === 'boolean') return {text: 'true; false'};
  return {text: ''};
}

function Pasted({text, fault, onChange}) {
  const {t, format} = useApp();
  const pick = useRef(null);
  const [problem, setProblem] = useState('');
  const [encoding, setEncoding] = useState('UTF-8');  // of the file that was read last
  const picked = async (event) => {
    const [file] = event.target.files;
    event.target.value = '';
    setProblem('');
    if (!file) return;
    if (file.size > MOST_TEXT) {
      setProblem(t('sweep.file_too_large', {size: format.bytes(MOST_TEXT)}));
      return;
    }
    try {
      const read = decodeText(new Uint8Array(await file.arrayBuffer()));
      setEncoding(read.encoding);
      onChange(read.text);
    } catch {
      setProblem(t('sweep.file_gone'));
    }
  };
  const words = problem || (fault ? t(`sweep.fault_${fault.code}`, {line: format.number(fault.line)}) : '');
  return html`<div class="field"><label for="sweep-list">${t('sweep.list_label')}</label>
    <textarea id="sweep-list" class="code" rows="7" spellcheck=${false} value=${text} placeholder=${'smoothing,season\n0.1,winter\n0.2,winter'} aria-invalid=${words ? 'true' : undefined} aria-describedby="sweep-list-hint" onInput=${(event) => onChange(event.target.value)}></textarea>
    <p id="sweep-list-hint" class=${words ? 'field-error' : 'hint'} role=${words ? 'status' : undefined}>${words || t('sweep.list_hint')}</p>
    ${text !== '' && html`<${EncodingNote} encoding=${encoding} />`}
    <div class="bar-row"><button type="button" class="button small" onClick=${() => pick.current.click()}>${t('sweep.pick')}</button><input type="file" hidden accept=".csv,.tsv,.json,.jsonl,.ndjson,.txt" ref=${pick} onChange=${picked} /></div></div>`;
}
