// The application's result out of {"output": …}, byte for byte; null if it wrote none.
export function resultOf(text) {
  const found = /^\s*\{\s*"output"\s*:\s*([\s\S]*?)\s*\}\s*$/.exec(text ?? '');
  const value = found ? found[1] : text;
  return value === 'null' || value === null ? null : value;
}
