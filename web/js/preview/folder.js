// A list of files, whose names have '/', as folders. Pure.

// {folders: Map of name to the same, files: [{…, label}], count}: count of all files below.
export function folderTree(files) {
  const make = () => ({folders: new Map(), files: [], count: 0});
  const root = make();
  for (const file of files) {
    const parts = file.name.split('/');
    let place = root;
    ++place.count;
    for (const part of parts.slice(0, -1)) {
      if (!place.folders.has(part)) place.folders.set(part, make());
      place = place.folders.get(part);
      ++place.count;
    }
    place.files.push({file, label: parts.at(-1)});
  }
  return root;
}

// The paths of the folders that a file lies in: 'a', 'a/b' of 'a/b/c.csv'.
export const foldersOf = (name) => name.split('/').slice(0, -1).map((_, index, parts) => parts.slice(0, index + 1).join('/'));

// The rows of the tree as they are drawn: [{path, label, depth, folder, open, count, file}]. open: paths of the open folders, a Set.
export function treeRows(tree, open, depth = 0, prefix = '') {
  const rows = [];
  for (const [label, folder] of tree.folders) {
    const path = prefix + label;
    const isOpen = open.has(path);
    rows.push({path: `${path}/`, label, depth, folder: path, open: isOpen, count: folder.count});
    if (isOpen) rows.push(...treeRows(folder, open, depth + 1, `${path}/`));
  }
  for (const {file, label} of tree.files) rows.push({path: file.name, label, depth, file});
  return rows;
}

// The files with a text in their name, without folders.
export function foundRows(files, wanted) {
  const text = wanted.toLowerCase();
  return files.filter(({name}) => name.toLowerCase().includes(text)).map((file) => ({path: file.name, label: file.name, depth: 0, file}));
}
