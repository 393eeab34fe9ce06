// The application's result out of {"output": …}, byte for byte; null if it wrote none. By places, not by a pattern: a result may have
// millions of blanks, at which a pattern tries every one of them as its end.
export function resultOf(text) {
  const whole = (text ?? '').trim();
  const colon = whole.indexOf(':');
  const wrapped = colon > 0 && whole.startsWith('{') && whole.endsWith('}') && whole.slice(1, colon).trim() === '"output"';
  const value = wrapped ? whole.slice(colon + 1, -1).trim() : text;
  return value === 'null' || value === null ? null : value;
}
