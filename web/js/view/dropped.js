// The files of a drop, with those of folders: [{name, file}]. A single folder gives the names below it, as an input has them.
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files].map((file) => ({name: file.name, file}));
  const found = [];
  for (const entry of entries) await collect(entry, '', found);
  if (entries.length === 1 && entries[0].isDirectory) return found.map(({name, file}) => ({name: name.slice(entries[0].name.length + 1), file}));
  return found;
}

async function collect(entry, prefix, found) {
  const name = prefix + entry.name;
  if (entry.isFile) {
    found.push({name, file: await new Promise((resolve, reject) => entry.file(resolve, reject))});
    return;
  }
  const reader = entry.createReader();
  // A reader gives a part of the folder at a time, and an empty one at the end.
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return;
    for (const child of part) await collect(child, `${name}/`, found);
  }
}
