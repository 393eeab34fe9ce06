// ZIP, as far as the page needs it: reading an archive of logs, and packing chosen files without compression.
const TEXT = new TextDecoder();
const LOCAL = 0x04034b50;
const ENTRY = 0x02014b50;
const END = 0x06054b50;

// The entries [{name, size, method, offset, packed}] of an archive of at most 4 GiB. Throws if it is none.
export function readDirectory(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = bytes.length - 22;
  while (at >= 0 && view.getUint32(at, true) !== END) --at;
  if (at < 0) throw new Error('not a ZIP');
  const count = view.getUint16(at + 10, true);
  let place = view.getUint32(at + 16, true);
  if (count === 0xffff || place === 0xffffffff) throw new Error('a ZIP that is too large');
  const entries = [];
  for (let number = 0; number < count; ++number) {
    if (view.getUint32(place, true) !== ENTRY) throw new Error('a ZIP that is damaged');
    const nameLength = view.getUint16(place + 28, true);
    entries.push({
      name: TEXT.decode(bytes.subarray(place + 46, place + 46 + nameLength)),
      method: view.getUint16(place + 10, true),
      packed: view.getUint32(place + 20, true),
      size: view.getUint32(place + 24, true),
      offset: view.getUint32(place + 42, true),
    });
    place += 46 + nameLength + view.getUint16(place + 30, true) + view.getUint16(place + 32, true);
  }
  return entries;
}

function packedBytes(bytes, entry) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(entry.offset, true) !== LOCAL) throw new Error('a ZIP that is damaged');
  const start = entry.offset + 30 + view.getUint16(entry.offset + 26, true) + view.getUint16(entry.offset + 28, true);
  if (entry.method !== 0 && entry.method !== 8) throw new Error('a ZIP with an unknown method');
  return bytes.subarray(start, start + entry.packed);
}

// The content of an entry as it is unpacked: an archive may unpack to far more than its own size.
export function entryStream(bytes, entry) {
  const stream = new Blob([packedBytes(bytes, entry)]).stream();
  return entry.method === 0 ? stream : stream.pipeThrough(new DecompressionStream('deflate-raw'));
}

// The content of an entry. `most`: bytes to give at most, from its end.
export async function readEntry(bytes, entry, most = Infinity) {
  const packed = packedBytes(bytes, entry);
  if (entry.method === 0) return packed.length > most ? packed.subarray(packed.length - most) : packed;
  return lastBytes(entryStream(bytes, entry), most);
}

async function lastBytes(stream, most) {
  const parts = [];
  let size = 0;
  for (const reader = stream.getReader(); ;) {
    const {value, done} = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    while (size - parts[0].length >= most) size -= parts.shift().length;
  }
  const all = new Uint8Array(await new Blob(parts).arrayBuffer());
  return all.length > most ? all.subarray(all.length - most) : all;
}

const CRC = Uint32Array.from({length: 256}, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; ++bit) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function crc32(bytes, before = 0) {
  let value = ~before;
  for (const byte of bytes) value = CRC[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}

const MOST_BYTES = 0xfffffffe;
const MOST_FILES = 65_535;

// A Blob with the files [{name, file}] as a ZIP. The files are read once for their checksums, and are not copied into
// memory. onProgress(bytes read). Throws RangeError above 4 GiB or 65,535 files.
export async function packFiles(files, onProgress = () => {}, signal) {
  const total = files.reduce((sum, {file}) => sum + file.size, 0);
  if (files.length > MOST_FILES || total + files.length * 1024 > MOST_BYTES) throw new RangeError('too large for a ZIP');
  const parts = [];
  const directory = [];
  let offset = 0;
  let read = 0;
  for (const {name, file} of files) {
    const crc = await checksum(file, signal, (bytes) => onProgress((read += bytes)));
    const encoded = new TextEncoder().encode(name);
    const common = commonFields(crc, file.size, encoded.length, file.lastModified);
    parts.push(numbers([[LOCAL, 4], [20, 2]]), common, encoded, file);
    directory.push(numbers([[ENTRY, 4], [20, 2], [20, 2]]), common, numbers([[0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]), encoded);
    offset += 6 + common.length + encoded.length + file.size;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([[END, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]]);
  return new Blob([...parts, ...directory, end], {type: 'application/zip'});
}

// Flags (names in UTF-8), method (stored), time, checksum, sizes, lengths of name and extra field.
function commonFields(crc, size, nameLength, modified) {
  const date = new Date(modified ?? 0);
  const year = Math.min(Math.max(date.getUTCFullYear(), 1980), 2107);
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  const day = ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  return numbers([[0x800, 2], [0, 2], [time, 2], [day, 2], [crc, 4], [size, 4], [size, 4], [nameLength, 2], [0, 2]]);
}

function numbers(fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

async function checksum(file, signal, onBytes) {
  let value = 0;
  for (const reader = file.stream().getReader(); ;) {
    signal?.throwIfAborted();
    const {value: bytes, done} = await reader.read();
    if (done) return value;
    value = crc32(bytes, value);
    onBytes(bytes.length);
  }
}
