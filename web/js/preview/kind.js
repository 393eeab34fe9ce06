// How a file is shown, by the end of its name. The server says for each whether a browser may open it; here all is drawn
// as text, as a table or as a picture, so that nothing in a file runs.
const KINDS = [
  [/\.(csv|tsv)$/i, 'table'],
  [/\.(xlsx|xlsm)$/i, 'workbook'],
  [/\.json$/i, 'json'],
  [/\.pdf$/i, 'pdf'],
  [/\.(png|jpe?g|gif|webp|avif|bmp|svg)$/i, 'image'],
  [/\.(txt|log|md|ini|toml|ya?ml|jsonl|ndjson|py|r|sql|sh|xml|html?|css|js)$/i, 'text'],
];

export const kindOfFile = (name) => KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? 'none';

// Bytes that are loaded for a preview.
export const PREVIEW_BYTES = {table: 2 << 20, workbook: 32 << 20, json: 4 << 20, image: 32 << 20, pdf: 64 << 20, text: 1 << 20};

// Kinds of which a part says nothing.
export const WHOLE = ['workbook', 'json', 'image', 'pdf'];

const IMAGES = {png: 'png', jpg: 'jpeg', jpeg: 'jpeg', gif: 'gif', webp: 'webp', avif: 'avif', bmp: 'bmp', svg: 'svg+xml'};

export const imageType = (name) => `image/${IMAGES[name.split('.').pop().toLowerCase()] ?? 'png'}`;

// Whether the bytes begin as a PDF does; some programs write something in front of it.
export const looksLikePdf = (bytes) => new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).includes('%PDF-');
